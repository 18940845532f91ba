# SPDX-License-Identifier: Apache-2.0
"""The contract of an engine, on each database: batches, processes, errors."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import bindparam, select

from entrepot.index.engine import Engine, Transaction, Work
from entrepot.index.index import open_engine, open_index
from entrepot.index.places import Database, IndexPlace
from entrepot.index.schema import KEPT
from entrepot.index.statements import Statement, insert_absent, sqlite_dialect
from support.facts import manifest_truth, tag_truth, tell
from support.rooms import NAME

WRITER = """
import asyncio, sys
from pathlib import Path
from entrepot.index.index import open_index
from entrepot.index.places import Database
from support.facts import tag_truth, tell
async def main():
    where, holders, prefix, count = sys.argv[1:]
    with open_index(Database(where, Path(holders)) if "://" in where else Path(where)) as index:
        for number in range(int(count)):
            await tell(index, tag_truth(f"{prefix}-{number}", "m"))
asyncio.run(main())
"""


class Shelf:
    """An engine over a database with the table ``kept`` and nothing else, and changes of that table."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        dialect = engine.dialect
        self._insert = Statement.compile(insert_absent(KEPT), dialect)
        self._value = Statement.compile(select(KEPT.c.value).where(KEPT.c.key == bindparam("key")), dialect)
        self._all = Statement.compile(select(KEPT.c.key).order_by(KEPT.c.key), dialect)
        engine.write_blocking(partial(execute, 'CREATE TABLE kept ("key" TEXT PRIMARY KEY, value TEXT)'))

    def insert(self, key: str, value: str = "", error: Exception | None = None) -> Work[int]:
        """A change that keeps one value, and then fails where it was told to."""

        def work(tx: Transaction) -> int:
            rows = tx.execute(self._insert, {"key": key, "value": value})
            if error is not None:
                raise error
            return rows

        return work

    async def keep(self, key: str, value: str = "", error: Exception | None = None) -> int:
        """Make such a change."""
        return await self.engine.write(self.insert(key, value, error))

    async def value(self, key: str) -> list[object]:
        """What is kept: by the reads of the hot path, and by those of lists."""
        row = await self.engine.read_one(self._value, key)
        assert await self.engine.read(self._value, {"key": key}) == ([] if row is None else [row])
        return [] if row is None else [row[0]]

    async def keys(self) -> list[str]:
        """All that is kept."""
        return [str(row[0]) for row in await self.engine.read(self._all, {})]


@pytest.fixture
def shelf(place: IndexPlace) -> Iterator[Shelf]:
    """On each database."""
    with contextlib.closing(open_engine(place)) as engine:
        yield Shelf(engine)


def execute(text: str, tx: Transaction) -> int:
    """A change in SQL."""
    return tx.execute(Statement(text, (), {}), {})


def start_writer(place: IndexPlace, prefix: str) -> subprocess.Popen[bytes]:
    """Another process that records 60 tags."""
    where = (place.url, str(place.holders)) if isinstance(place, Database) else (str(place), "")
    tests = str(Path(__file__).parents[1])
    return subprocess.Popen([sys.executable, "-c", WRITER, *where, prefix, "60"], env={"PYTHONPATH": tests})


async def test_writes_are_read(shelf: Shelf) -> None:
    """What was written is read at once, by every reader; an INSERT that did nothing says 0."""
    assert await shelf.value("a") == []
    assert await shelf.keep("a", "1") == 1
    assert await shelf.keep("a", "2") == 0
    assert await shelf.value("a") == ["1"]


async def test_a_failing_change_is_undone_alone(shelf: Shelf) -> None:
    """Of changes in one commit, one that fails is undone and told so; its neighbours stay."""
    entered, gate = threading.Event(), threading.Event()

    def hold(_: Transaction) -> bool:
        entered.set()
        return gate.wait(10)

    held = asyncio.ensure_future(shelf.engine.write(hold))
    assert await asyncio.to_thread(entered.wait, 10)
    failing = [ValueError(str(n)) if n % 3 == 0 else None for n in range(30)]
    waiting = [asyncio.ensure_future(shelf.keep(f"{n:02}", error=error)) for n, error in enumerate(failing)]
    await asyncio.sleep(0)
    gate.set()
    assert await held
    done = await asyncio.gather(*waiting, return_exceptions=True)
    failed = {n for n, answer in enumerate(done) if isinstance(answer, ValueError)}
    assert failed == set(range(0, 30, 3))
    assert await shelf.keys() == [f"{n:02}" for n in range(30) if n % 3]


async def test_a_value_that_no_database_takes_is_undone_alone(shelf: Shelf) -> None:
    """A value that the driver refuses fails its own change, not its neighbours'."""
    done = await asyncio.gather(*map(shelf.keep, ("a", "\ud800", "b")), return_exceptions=True)
    assert [type(answer) for answer in done] == [int, UnicodeEncodeError, int]
    assert await shelf.keys() == ["a", "b"]


async def test_a_request_that_is_cancelled_harms_nobody(shelf: Shelf) -> None:
    """A change whose request was cancelled before it ran is left out; the writer goes on with the others."""
    entered, gate = threading.Event(), threading.Event()

    def hold(_: Transaction) -> bool:
        entered.set()
        return gate.wait(10)

    running = asyncio.ensure_future(shelf.engine.write(hold))
    assert await asyncio.to_thread(entered.wait, 10)
    cancelled, stays = (asyncio.ensure_future(shelf.keep(key)) for key in ("cancelled", "stays"))
    await asyncio.sleep(0)
    for task in (running, cancelled):
        task.cancel()
    await asyncio.gather(running, cancelled, return_exceptions=True)
    gate.set()
    assert await stays == 1
    assert await shelf.keep("later") == 1
    assert await shelf.keys() == ["later", "stays"]


async def test_many_writers_and_readers(shelf: Shelf) -> None:
    """Hundreds of changes at once are all made, while lists are read."""
    writes = [shelf.keep(f"{number:03}") for number in range(300)]
    reads = [shelf.keys() for _ in range(20)]
    done = await asyncio.gather(*writes, *reads)
    assert done[:300] == [1] * 300
    assert len(await shelf.keys()) == 300


def test_statements_bind_by_name() -> None:
    """Parameters go in the order of the text, constants are filled in, and one that is missing is an error."""
    clause = select(KEPT.c.key).where(KEPT.c.value == bindparam("b"), KEPT.c.key == bindparam("a")).limit(7)
    statement = Statement.compile(clause, sqlite_dialect())
    assert statement.text.count("?") == len(statement.bind({"a": 1, "b": 2}))
    assert statement.bind({"a": 1, "b": 2})[:3] == (2, 1, 7)
    assert statement.bind({"b": None, "a": ""})[:2] == (None, "")
    with pytest.raises(KeyError):
        statement.bind({"a": 1})


async def test_two_processes(place: IndexPlace) -> None:
    """Three processes write to one index at once; nothing is lost and nobody is refused."""
    with open_index(place) as index:
        await tell(index, manifest_truth("m"))
        others = [start_writer(place, name) for name in ("b", "c")]
        for number in range(60):
            await tell(index, tag_truth(f"a-{number}", "m"))
        statuses = [await asyncio.to_thread(other.wait, 60) for other in others]
        assert statuses == [0, 0]
        assert len(await index.lists.tags(NAME, "", -1)) == 180
