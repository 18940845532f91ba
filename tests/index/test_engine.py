# SPDX-License-Identifier: Apache-2.0
"""The engine: batches, processes, versions, errors."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select

from entrepot.index.engine import Transaction
from entrepot.index.index import open_index
from entrepot.index.schema import KEPT, VERSION
from entrepot.index.sqlite import SqliteEngine
from entrepot.index.statements import Row, Statement, insert_absent, sqlite_dialect
from entrepot.oci.errors import Unavailable
from support.facts import manifest_truth, tag_truth, tell
from support.rooms import NAME

INSERT = Statement.compile(insert_absent(KEPT), sqlite_dialect())
VALUE = Statement.compile(select(KEPT.c.value).where(KEPT.c.key == bindparam("key")), sqlite_dialect())
ALL = Statement.compile(select(KEPT.c.key).order_by(KEPT.c.key), sqlite_dialect())

WRITER = """
import asyncio, sys
from pathlib import Path
from entrepot.index.engine import Transaction
from entrepot.index.index import open_index
from support.facts import tag_truth, tell
async def main():
    with open_index(Path(sys.argv[1])) as index:
        for number in range(int(sys.argv[3])):
            await tell(index, tag_truth(f"{sys.argv[2]}-{number}", "m"))
asyncio.run(main())
"""


@pytest.fixture
def engine(path: Path) -> Iterator[SqliteEngine]:
    """An engine over a database with the table ``kept`` and nothing else."""
    with contextlib.closing(SqliteEngine(path)) as opened:
        opened.write_blocking(
            lambda tx: tx.execute(Statement('CREATE TABLE kept ("key" PRIMARY KEY, value)', (), {}), {})
        )
        yield opened


def start_writer(path: Path, prefix: str) -> subprocess.Popen[bytes]:
    """Another process that records 60 tags."""
    tests = str(Path(__file__).parents[1])
    return subprocess.Popen([sys.executable, "-c", WRITER, str(path), prefix, "60"], env={"PYTHONPATH": tests})


def insert(key: str, value: str = "") -> "Insert":
    """A change that keeps one value."""
    return Insert(key, value)


class Insert:
    """A change that inserts a row, and fails behind it where it was told to."""

    def __init__(self, key: str, value: str = "", error: Exception | None = None) -> None:
        self.row = {"key": key, "value": value}
        self.error = error

    def __call__(self, tx: Transaction) -> int:
        rows = tx.execute(INSERT, self.row)
        if self.error is not None:
            raise self.error
        return rows


async def keys(engine: SqliteEngine) -> list[str]:
    """All that is kept."""
    return [str(row[0]) for row in await engine.read(ALL, {})]


async def test_writes_are_read(engine: SqliteEngine) -> None:
    """What was written is read at once, on the calling thread and in others; an INSERT that did nothing says 0."""
    assert await engine.read_one(VALUE, "a") is None
    assert await engine.write(insert("a", "1")) == 1
    assert await engine.write(insert("a", "2")) == 0
    assert await engine.read_one(VALUE, "a") == ("1",)
    assert await engine.read(VALUE, {"key": "a"}) == [("1",)]


async def test_a_failing_change_is_undone_alone(engine: SqliteEngine) -> None:
    """Of changes in one commit, one that fails is undone and told so; its neighbours stay."""
    entered, gate = threading.Event(), threading.Event()

    def hold(_: Transaction) -> bool:
        entered.set()
        return gate.wait(10)

    held = asyncio.ensure_future(engine.write(hold))
    assert await asyncio.to_thread(entered.wait, 10)
    work = [Insert(f"{n:02}", error=ValueError(str(n)) if n % 3 == 0 else None) for n in range(30)]
    waiting = [asyncio.ensure_future(engine.write(one)) for one in work]
    await asyncio.sleep(0)
    gate.set()
    assert await held
    done = await asyncio.gather(*waiting, return_exceptions=True)
    failed = {n for n, answer in enumerate(done) if isinstance(answer, ValueError)}
    assert failed == set(range(0, 30, 3))
    assert await keys(engine) == [f"{n:02}" for n in range(30) if n % 3]


async def test_a_value_that_no_database_takes_is_undone_alone(engine: SqliteEngine) -> None:
    """A value that the driver refuses fails its own change, not its neighbours'."""
    done = await asyncio.gather(*map(engine.write, map(insert, ("a", "\ud800", "b"))), return_exceptions=True)
    assert [type(answer) for answer in done] == [int, UnicodeEncodeError, int]
    assert await keys(engine) == ["a", "b"]


async def test_a_request_that_is_cancelled_harms_nobody(engine: SqliteEngine) -> None:
    """A change whose request was cancelled before it ran is left out; the writer goes on with the others."""
    entered, gate = threading.Event(), threading.Event()

    def hold(_: Transaction) -> bool:
        entered.set()
        return gate.wait(10)

    running = asyncio.ensure_future(engine.write(hold))
    assert await asyncio.to_thread(entered.wait, 10)
    cancelled, stays = (asyncio.ensure_future(engine.write(insert(key))) for key in ("cancelled", "stays"))
    await asyncio.sleep(0)
    for task in (running, cancelled):
        task.cancel()
    await asyncio.gather(running, cancelled, return_exceptions=True)
    gate.set()
    assert await stays == 1
    assert await engine.write(insert("later")) == 1
    assert await keys(engine) == ["later", "stays"]


async def test_many_writers_and_readers(engine: SqliteEngine) -> None:
    """Hundreds of changes at once are all made, while lists are read."""
    writes = [engine.write(insert(f"{number:03}")) for number in range(300)]
    reads = [keys(engine) for _ in range(20)]
    done = await asyncio.gather(*writes, *reads)
    assert done[:300] == [1] * 300
    assert len(await keys(engine)) == 300


def test_statements_bind_by_name() -> None:
    """Parameters go in the order of the text, constants are filled in, and one that is missing is an error."""
    clause = select(KEPT.c.key).where(KEPT.c.value == bindparam("b"), KEPT.c.key == bindparam("a")).limit(7)
    statement = Statement.compile(clause, sqlite_dialect())
    assert statement.text.count("?") == len(statement.bind({"a": 1, "b": 2}))
    assert statement.bind({"a": 1, "b": 2})[:3] == (2, 1, 7)
    assert statement.bind({"b": None, "a": ""})[:2] == (None, "")
    with pytest.raises(KeyError):
        statement.bind({"a": 1})


def _first(statement: Statement, tx: Transaction) -> Row | None:
    return tx.one(statement, {})


async def test_commits_survive_a_power_cut(engine: SqliteEngine) -> None:
    """Every connection waits for the disk: WAL with synchronous=FULL."""
    for name, value in (("journal_mode", "wal"), ("synchronous", 2)):
        pragma = Statement(f"PRAGMA {name}", (), {})
        assert await engine.read_one(pragma) == (value,)
        assert engine.write_blocking(partial(_first, pragma)) == (value,)


async def test_two_processes(path: Path) -> None:
    """Three processes write to one index at once; nothing is lost and nobody is refused."""
    with open_index(path) as index:
        await tell(index, manifest_truth("m"))
        others = [start_writer(path, name) for name in ("b", "c")]
        for number in range(60):
            await tell(index, tag_truth(f"a-{number}", "m"))
        statuses = [await asyncio.to_thread(other.wait, 60) for other in others]
        assert statuses == [0, 0]
        assert len(await index.lists.tags(NAME, "", -1)) == 180


async def test_reopened(path: Path) -> None:
    """What was kept is there when the index is opened again, and the schema's version with it."""
    with open_index(path) as index:
        assert await index.kept.get("a") is None
        index.kept.set("a", "1")
        index.kept.set("a", "2")
    with open_index(path) as index:
        assert await index.kept.get("a") == "2"
        assert await index.kept.get("schema") == str(VERSION)


def test_a_newer_schema_is_refused(path: Path) -> None:
    """An index of a newer program is refused, says what to do, and is not changed."""
    with open_index(path) as index:
        index.kept.set("schema", str(VERSION + 1))
    with pytest.raises(Unavailable) as caught, open_index(path):
        pass
    assert "newer entrepot" in str(caught.value.detail)
    assert str(path) in str(caught.value.detail)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT value FROM kept WHERE key = 'schema'").fetchone() == (str(VERSION + 1),)


def test_what_is_no_database_is_refused(path: Path) -> None:
    """A file that is no index, and a place that is no directory, are refused with what to do."""
    path.write_text("this is not a database, and long enough to be taken for one" * 100)
    with pytest.raises(Unavailable, match="damaged"), open_index(path):
        pass
    with pytest.raises(Unavailable, match="name another place"), open_index(path / "below" / "index.sqlite3"):
        pass
