# SPDX-License-Identifier: Apache-2.0
"""Opens the index, makes its tables, and hands out its parts."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select

from entrepot.index.ages import Ages
from entrepot.index.audit import Audit
from entrepot.index.blobs import Blobs
from entrepot.index.census import Census
from entrepot.index.changes import Changes
from entrepot.index.completeness import Completeness
from entrepot.index.deeds import Witness
from entrepot.index.directory import Directory
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
from entrepot.index.migrating import bring_up_to_date
from entrepot.index.outbox import Outbox, OutboxWriter
from entrepot.index.places import Database, IndexPlace, holders_of
from entrepot.index.pulls import Pulls
from entrepot.index.reclaim import Reclaims
from entrepot.index.recorder import Recorder
from entrepot.index.schema import KEPT, OLDEST_PROGRAM
from entrepot.index.seen_events import SeenEvents
from entrepot.index.signing import SigningKeys
from entrepot.index.sqlite import SqliteEngine
from entrepot.index.statements import Statement, insert_replacing
from entrepot.index.trash import Trash
from entrepot.index.untagged import Untagged
from entrepot.oci.errors import Unavailable


class Kept:
    """Small values about this index, such as which programs it can serve."""

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

    async def agree(self, key: str, value: str) -> str:
        """Keep ``value`` unless another is kept already; returns what is kept. Of several at once all get the same."""

        def keep_first(tx: Transaction) -> str:
            row = tx.one(self._get, {"a_key": key})
            if row is not None:
                return str(row[0])
            tx.execute(self._set, {"key": key, "value": value})
            return value

        return await self._engine.write(keep_first)

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
    seen_events: SeenEvents
    directory: Directory
    kept: Kept
    signing: SigningKeys
    holder: Holder
    same_file: Callable[[], None]

    async def check(self) -> None:
        """Whether it can be read. Raises ``Unavailable`` with a sentence that says what to do."""
        self.same_file()
        if await self.kept.get(OLDEST_PROGRAM) is None:
            raise Unavailable("the registry's index has lost its contents; restart the registry, which builds it anew")


@contextlib.contextmanager
def open_index(
    place: IndexPlace,
    make_room: Callable[[], bool] = lambda: False,
    witnesses: Sequence[Callable[[OutboxWriter], Witness]] = (),
) -> Iterator[Index]:
    """Open, making database file and tables where they are missing. Raises ``Unavailable`` with what to do.

    ``make_room`` is called when the disk is full; True where it freed some. ``witnesses`` are made with what writes
    events into it.
    """
    with contextlib.closing(_hold(place)) as holder, contextlib.closing(open_engine(place, make_room)) as engine:
        bring_up_to_date(engine, place)
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
            seen_events=SeenEvents(engine),
            directory=Directory(engine),
            kept=Kept(engine),
            signing=SigningKeys(engine),
            holder=holder,
            same_file=engine.check,
        )


def open_engine(place: IndexPlace, make_room: Callable[[], bool] = lambda: False) -> Engine:
    """The database as it is, without a look at its tables. The driver of PostgreSQL is loaded by who uses it."""
    if not isinstance(place, Database):
        return SqliteEngine(place, make_room)
    from entrepot.index.postgres import PostgresEngine

    return PostgresEngine(place.url)


def _hold(place: IndexPlace) -> Holder:
    directory = holders_of(place)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return Holder(directory)
    except OSError as error:
        if isinstance(place, Database):
            raise Unavailable(f"the directory {directory} cannot be written: {error.strerror}") from error
        raise Unavailable(
            f"the index cannot be written at {place}: {error.strerror}; "
            "name another place in the configuration, such as index: {url: sqlite:////var/lib/entrepot/index.sqlite3}"
        ) from error
