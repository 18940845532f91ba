# SPDX-License-Identifier: Apache-2.0
"""The schema: migrations make what the program expects, and a program that is too old for it says so."""

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from entrepot import __version__
from entrepot.index.columns import METADATA, NAME
from entrepot.index.index import open_engine, open_index
from entrepot.index.migrating import bring_up_to_date, read_schema
from entrepot.index.migrations import REVISIONS
from entrepot.index.places import IndexPlace
from entrepot.index.postgres import postgres_dialect
from entrepot.index.schema import OLDEST_PROGRAM
from entrepot.oci.errors import Unavailable

OPENING = """
import sys
from pathlib import Path
from entrepot.index.index import open_index
with open_index(Path(sys.argv[1])):
    print(*sorted({"alembic", "psycopg"} & set(sys.modules)))
"""


def test_every_migration_is_named() -> None:
    """What a start takes for the newest revision is the newest, and it knows all before it, in one line."""
    config = Config()
    config.set_main_option("script_location", "entrepot.index:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(script.revision for script in scripts.walk_revisions())[::-1] == REVISIONS


def test_migrations_make_the_schema(place: IndexPlace) -> None:
    """The tables, columns, types and indexes that migrations made are those of ``METADATA``; so is nothing else."""
    differing: list[object] = []

    def compare(connection: Connection) -> None:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differing.extend(compare_metadata(context, METADATA))

    with open_index(place):
        pass
    with contextlib.closing(open_engine(place)) as engine:
        engine.alter(compare)
    assert differing == []


def test_texts_compare_bytewise(place: IndexPlace) -> None:
    """Every column of text says on PostgreSQL that it compares bytes, and so it does in the database."""
    texts = {column for table in METADATA.tables.values() for column in table.columns if column.type is NAME}
    others = {column for table in METADATA.tables.values() for column in table.columns} - texts
    assert texts
    assert [str(column) for column in others if "CHAR" in str(column.type) or "TEXT" in str(column.type)] == []
    assert NAME.compile(dialect=postgres_dialect()) == 'TEXT COLLATE "C"'
    found: set[str | None] = set()

    def look(connection: Connection) -> None:
        columns = [column for table in METADATA.tables for column in inspect(connection).get_columns(table)]
        found.update(column["type"].collation for column in columns if hasattr(column["type"], "collation"))

    with open_index(place):
        pass
    with contextlib.closing(open_engine(place)) as engine:
        engine.alter(look)
        assert found == ({"C"} if engine.dialect.name == "postgresql" else {None})


async def test_reopened(place: IndexPlace) -> None:
    """What was kept is there when the index is opened again, and which programs it can serve."""
    with open_index(place) as index:
        assert await index.kept.get("a") is None
        index.kept.set("a", "1")
        index.kept.set("a", "2")
    with open_index(place) as index:
        assert await index.kept.get("a") == "2"
        assert await index.kept.get(OLDEST_PROGRAM) == "0.1.0"


def test_a_schema_that_is_up_to_date_is_opened_at_once(path: Path) -> None:
    """The first start loads Alembic, the next does not; neither loads the driver of the other database."""
    for expected in ("alembic", ""):
        done = subprocess.run([sys.executable, "-c", OPENING, str(path)], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected


def _alter(place: IndexPlace, text: str) -> None:
    with contextlib.closing(open_engine(place)) as engine:
        engine.alter(lambda connection: connection.exec_driver_sql(text).close())


def test_an_older_program_is_refused(place: IndexPlace) -> None:
    """A schema that needs a newer program is refused with both versions and what to do, and is not changed."""
    with open_index(place) as index:
        index.kept.set(OLDEST_PROGRAM, "99.1.0")
    _alter(place, "UPDATE alembic_version SET version_num = '7777'")
    with pytest.raises(Unavailable, match="newer entrepot") as caught, open_index(place):
        pass
    for part in (str(place), "99.1.0", __version__, "7777"):
        assert part in str(caught.value.detail)
    with contextlib.closing(open_engine(place)) as engine:
        found = read_schema(engine)
    assert (found.revision, found.oldest_program) == ("7777", "99.1.0")


@pytest.mark.parametrize(("oldest", "program"), [("0.1.0", "0.1.0"), ("0.9", "0.10.0"), ("1.2.0", "1.2.0.dev1")])
def test_a_newer_schema_that_serves_this_program(place: IndexPlace, oldest: str, program: str) -> None:
    """A newer schema that says that it can serve this program is served and left as it is: a newer replica needs it."""
    with open_index(place) as index:
        index.kept.set(OLDEST_PROGRAM, oldest)
    _alter(place, "UPDATE alembic_version SET version_num = '7777'")
    with contextlib.closing(open_engine(place)) as engine:
        bring_up_to_date(engine, place, program)
        assert read_schema(engine).revision == "7777"


@pytest.mark.parametrize("said", ["UPDATE kept SET value = 'x'", "DELETE FROM kept"])
def test_a_schema_that_does_not_say(place: IndexPlace, said: str) -> None:
    """A schema that does not say whom it can serve is refused, with what to do."""
    with open_index(place):
        pass
    _alter(place, said)
    with pytest.raises(Unavailable, match="does not say") as caught, open_index(place):
        pass
    assert str(place) in str(caught.value.detail)


def test_a_migration_that_fails_leaves_nothing(place: IndexPlace) -> None:
    """Tables are altered whole or not at all, on both databases; the next start makes them."""

    def fail(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE half (a INTEGER)")
        raise ValueError("now")

    with contextlib.closing(open_engine(place)) as engine:
        with pytest.raises(ValueError, match="now"):
            engine.alter(fail)
        engine.alter(lambda connection: connection.exec_driver_sql("CREATE TABLE half (b INTEGER)").close())
