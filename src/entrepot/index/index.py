# SPDX-License-Identifier: Apache-2.0
"""Opens the index, makes its tables, and hands out its parts."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import bindparam, delete, select
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from entrepot.index.ages import Ages
from entrepot.index.audit import Audit
from entrepot.index.blobs import Blobs
from entrepot.index.census import Census
from entrepot.index.changes import Changes
from entrepot.index.completeness import Completeness
from entrepot.index.deeds import Witness
from entrepot.index.engine import Engine, Transaction
from entrepot.index.explanation import Explanations
from entrepot.index.forecast import Forecasts
from entrepot.index.garbage import Garbage
from entrepot.index.history import History
from entrepot.index.holders import Holder
from entrepot.index.kinship import Kinship
from entrepot.index.leases import Leases
from entrepot.index.lists import Lists
from entrepot.index.lookups import Lookups
from entrepot.index.outbox import Outbox, OutboxWriter
from entrepot.index.pulls import Pulls
from entrepot.index.reclaim import Reclaims
from entrepot.index.recorder import Recorder
from entrepot.index.schema import KEPT, METADATA, VERSION
from entrepot.index.sqlite import SqliteEngine
from entrepot.index.statements import Statement, insert_replacing
from entrepot.index.trash import Trash
from entrepot.index.untagged import Untagged
from entrepot.oci.errors import Unavailable


class Kept:
    """Small values about this index, such as the version of its schema."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = engine.dialect
        self._get = Statement.compile(select(KEPT.c.value).where(KEPT.c.key == bindparam("a_key")), dialect)
        self._drop = Statement.compile(delete(KEPT).where(KEPT.c.key == bindparam("of")), dialect)
        self._set = Statement.compile(insert_replacing(KEPT, ("key",)), dialect)

    async def get(self, key: str) -> str | None:
        """The value, or None."""
        row = await self._engine.read_one(self._get, key)
        return None if row is None else str(row[0])

    def get_blocking(self, key: str) -> str | None:
        """The same for callers without a loop."""
        row = self._engine.write_blocking(lambda tx: tx.one(self._get, {"a_key": key}))
        return None if row is None else str(row[0])

    async def keep(self, key: str, value: str) -> None:
        """Keep ``value``; durable on return."""
        await self._engine.write(lambda tx: tx.execute(self._set, {"key": key, "value": value}))

    async def drop(self, key: str) -> None:
        """Keep nothing under ``key``."""
        await self._engine.write(lambda tx: tx.execute(self._drop, {"of": key}))

    def set(self, key: str, value: str) -> None:
        """Keep ``value``; blocks until it is durable."""
        self._engine.write_blocking(lambda tx: tx.execute(self._set, {"key": key, "value": value}))


@dataclass(frozen=True, slots=True)
class Index:
    """The parts of one index, as one process has it open."""

    lookups: Lookups
    lists: Lists
    changes: Changes
    blobs: Blobs
    trash: Trash
    history: History
    pulls: Pulls
    ages: Ages
    untagged: Untagged
    forecasts: Forecasts
    leases: Leases
    garbage: Garbage
    reclaims: Reclaims
    explanations: Explanations
    completeness: Completeness
    census: Census
    audit: Audit
    outbox: Outbox
    kept: Kept
    holder: Holder
    same_file: Callable[[], None]

    async def check(self) -> None:
        """Whether it can be read. Raises ``Unavailable`` with a sentence that says what to do."""
        self.same_file()
        if await self.kept.get("schema") is None:
            raise Unavailable("the registry's index has lost its contents; restart the registry, which builds it anew")


@contextlib.contextmanager
def open_index(
    path: Path,
    make_room: Callable[[], bool] = lambda: False,
    witnesses: Sequence[Callable[[OutboxWriter], Witness]] = (),
) -> Iterator[Index]:
    """Open, making file and tables where they are missing. Raises ``Unavailable`` with what to do.

    ``make_room`` is called when the disk is full; True where it freed some. ``witnesses`` are made with what writes
    events into it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = Holder(path.parent / "holders")
    except OSError as error:
        raise Unavailable(
            f"the index cannot be written at {path}: {error.strerror}; "
            "name another place in the configuration, such as index: {url: sqlite:////var/lib/entrepot/index.sqlite3}"
        ) from error
    with contextlib.closing(holder), contextlib.closing(SqliteEngine(path, make_room)) as engine:
        engine.write_blocking(partial(_create, engine.dialect))
        kept = Kept(engine)
        _check_version(kept, path)
        kinship = Kinship(engine.dialect)
        trash, history, pulls = Trash(engine, kinship), History(engine), Pulls(engine)
        recorder = Recorder(
            engine.dialect, trash, [history, pulls, *(make(OutboxWriter(engine.dialect)) for make in witnesses)]
        )
        yield Index(
            lookups=Lookups(engine),
            lists=Lists(engine),
            changes=Changes(engine, recorder, holder.name),
            blobs=Blobs(engine, recorder),
            trash=trash,
            history=history,
            pulls=pulls,
            ages=Ages(engine),
            untagged=Untagged(engine, kinship, trash),
            forecasts=Forecasts(engine, kinship),
            garbage=Garbage(engine),
            reclaims=Reclaims(engine, kinship),
            explanations=Explanations(engine),
            leases=Leases(engine, holder.name, holder.lives),
            completeness=Completeness(engine),
            census=Census(engine),
            audit=Audit(engine),
            outbox=Outbox(engine),
            kept=kept,
            holder=holder,
            same_file=engine.check,
        )


def _create(dialect: Dialect, tx: Transaction) -> None:
    for table in METADATA.sorted_tables:
        tx.execute(Statement.compile(CreateTable(table, if_not_exists=True), dialect), {})
        for index in table.indexes:
            tx.execute(Statement.compile(CreateIndex(index, if_not_exists=True), dialect), {})


def _check_version(kept: Kept, path: Path) -> None:
    found = kept.get_blocking("schema")
    if found is None:
        kept.set("schema", str(VERSION))
    elif not found.isdigit() or int(found) > VERSION:
        raise Unavailable(
            f"the index {path} was written by a newer entrepot (schema {found}, this one knows {VERSION}); "
            "start that version, or remove the index so that it is built again from storage"
        )
