# SPDX-License-Identifier: Apache-2.0
"""Brings the schema up to date at start, or says why this program cannot serve it.

Loading Alembic costs 150 ms and 15 MB, so only a start that finds an older schema, or none, loads it.
"""

import re
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Column, Connection, MetaData, Table, Text, bindparam, select, text

from entrepot import __version__
from entrepot.index.engine import Engine, Transaction
from entrepot.index.migrations import REVISIONS
from entrepot.index.places import Database, IndexPlace
from entrepot.index.schema import KEPT, OLDEST_PROGRAM
from entrepot.index.statements import Statement
from entrepot.oci.errors import Unavailable

REVISION = Table("alembic_version", MetaData(), Column("version_num", Text))
"""Alembic's own table: which revision a database has."""

_TABLE_EXISTS = {
    "sqlite": text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"),
    "postgresql": text("SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL"),
}


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database says of its schema: Alembic's revision, and the oldest program that it can serve."""

    revision: str | None
    oldest_program: str | None


def bring_up_to_date(engine: Engine, place: IndexPlace, program: str = __version__) -> None:
    """Make or mend the tables where that is needed. Raises ``Unavailable`` where ``program`` is too old for them.

    A newer schema that can still serve this program is left as it is: a newer replica stands beside us.
    """
    found = read_schema(engine)
    if found.revision is None or (found.revision in REVISIONS and found.revision != REVISIONS[-1]):
        engine.alter(_upgrade)
        found = read_schema(engine)
    oldest = _parse(found.oldest_program or "")
    if oldest is None:
        raise Unavailable(
            f"the index {place} does not say which programs it can serve; {_rebuild(place)}, and start again: "
            "it is built anew from storage"
        )
    if oldest > (_parse(program) or ()):
        raise Unavailable(
            f"the index {place} was written by a newer entrepot: its schema {found.revision} needs entrepot "
            f"{found.oldest_program} or newer, and this is {program}; start that version, or {_rebuild(place)}: "
            "it is built anew from storage, without what only the index knows"
        )


def read_schema(engine: Engine) -> Schema:
    """What the database says now; for callers without a loop."""
    return engine.write_blocking(partial(_read, engine))


def _read(engine: Engine, tx: Transaction) -> Schema:
    if tx.one(Statement.compile(_TABLE_EXISTS[engine.dialect.name], engine.dialect), {}) is None:
        return Schema(None, None)
    revision = tx.one(Statement.compile(select(REVISION.c.version_num), engine.dialect), {})
    oldest = Statement.compile(select(KEPT.c.value).where(KEPT.c.key == bindparam("of")), engine.dialect)
    said = tx.one(oldest, {"of": OLDEST_PROGRAM})
    return Schema(None if revision is None else str(revision[0]), None if said is None else str(said[0]))


def _upgrade(connection: Connection) -> None:
    """Whatever is missing; nothing where another process has just done it."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "entrepot.index:migrations")
    command.upgrade(config, "head")


def _parse(version: str) -> tuple[int, ...] | None:
    """The numbers of a version; what follows them (``.dev1``, ``rc2``) makes no other schema."""
    found = re.match(r"\d+(\.\d+)*", version)
    return None if found is None else tuple(map(int, found[0].split(".")))


def _rebuild(place: IndexPlace) -> str:
    return f"empty the database {place}" if isinstance(place, Database) else f"remove {place}*"
