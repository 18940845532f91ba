# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: one writer thread and a few reading threads per process, each with a connection of its own.

Writers queue over all processes and machines: each write transaction first takes one advisory lock, which ends with it,
also when its process dies. Everything above relies on that, as on SQLite, where nothing else is possible: that a name
has no intent is read and then relied on, and a pin is checked against what another change removes. Were two such
transactions to run side by side, each would miss what the other has not committed yet (write skew). SERIALIZABLE would
find that only at the end, and every change would have to be tried again.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar, cast

import psycopg
import sqlalchemy
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.engine.interfaces import Dialect

from entrepot.index.altering import alter_with
from entrepot.index.engine import Work
from entrepot.index.postgres_connections import Connection, Dialler, Line, ends_all
from entrepot.index.statements import Row, Statement, Value
from entrepot.index.writing import Batch, Outcome, Writer, run_alone

Result = TypeVar("Result")

READERS = 4
"""Threads, and connections, that read for one process."""

LOCK = f"SELECT pg_advisory_xact_lock({int.from_bytes(b'entrepot', 'big')})"

BEGIN = f"BEGIN ISOLATION LEVEL READ COMMITTED; {LOCK}"
"""READ COMMITTED: each statement sees what was committed before it began, so all that committed before we got the
lock. A stricter level would look at the moment before it waited.
"""


def postgres_dialect() -> Dialect:
    """PostgreSQL with ``%s`` parameters, which go in the order of the text, as SQLite's do."""
    return PGDialect(paramstyle="format")  # type: ignore[no-untyped-call]


class PostgresTransaction:
    """The ``Transaction`` contract."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: Statement, values: Mapping[str, Value]) -> int:
        return _run(self._connection, statement, statement.bind(values)).rowcount

    def one(self, statement: Statement, values: Mapping[str, Value]) -> Row | None:
        return cast("Row | None", _run(self._connection, statement, statement.bind(values)).fetchone())

    def all(self, statement: Statement, values: Mapping[str, Value]) -> list[Row]:
        return cast("list[Row]", _run(self._connection, statement, statement.bind(values)).fetchall())


class PostgresEngine:
    """The ``Engine`` contract. Not to be used across a fork."""

    dialect = postgres_dialect()

    def __init__(self, url: str) -> None:
        self._dialler = Dialler(url)
        self._written = Line(self._dialler)
        self._written.connected()  # now, so that a start says what is wrong
        self._local = threading.local()
        self._readers: list[Line] = []
        self._pool = ThreadPoolExecutor(READERS, "index-read")
        self._writer = Writer(self._commit)

    def close(self) -> None:
        self._writer.close()
        self._pool.shutdown()
        for line in (self._written, *self._readers):
            line.close()

    def check(self) -> None:
        """Nothing to do: each new connection is compared with the first, and an open one cannot change its database."""

    async def read_one(self, statement: Statement, *values: Value) -> Row | None:
        rows = await self._read(statement, values)
        return rows[0] if rows else None

    async def read(self, statement: Statement, values: Mapping[str, Value]) -> list[Row]:
        return await self._read(statement, statement.bind(values))

    async def read_together(self, work: Work[Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read_together, work)

    async def write(self, work: Work[Result]) -> Result:
        return await self._writer.write(work)

    def write_blocking(self, work: Work[Result]) -> Result:
        return self._writer.write_blocking(work)

    def alter(self, work: Callable[[sqlalchemy.Connection], None]) -> None:
        with self._dialler.translated():
            alter_with("postgresql+psycopg://", self._connect_for_altering, LOCK, work)

    def _connect_for_altering(self) -> Connection:
        connection = self._dialler.connect()
        connection.autocommit = False
        connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return connection

    async def _read(self, statement: Statement, values: Sequence[Value]) -> list[Row]:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read_rows, statement, values)

    def _read_rows(self, statement: Statement, values: Sequence[Value]) -> list[Row]:
        def fetch(connection: Connection) -> list[Row]:
            return cast("list[Row]", _run(connection, statement, values).fetchall())

        with self._dialler.translated():
            return self._reading().twice(fetch)

    def _read_together(self, work: Work[Result]) -> Result:
        def look(connection: Connection) -> Result:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", prepare=False)
            try:
                return work(PostgresTransaction(connection))
            finally:
                connection.execute("COMMIT", prepare=False)  # of nothing; ROLLBACK costs the prepared statements

        with self._dialler.translated():
            return self._reading().twice(look)

    def _reading(self) -> Line:
        """This thread's connection."""
        line: Line | None = getattr(self._local, "line", None)
        if line is None:
            line = self._local.line = Line(self._dialler)
            self._readers.append(line)
        return line

    def _commit(self, batch: Batch) -> list[Outcome]:
        """A connection that is lost before COMMIT is sent has changed nothing; after that nobody knows."""
        with self._dialler.translated():
            connection, outcomes = self._written.twice(lambda connection: _run_batch(connection, batch))
            try:
                connection.execute("COMMIT", prepare=False)
            except psycopg.Error:
                self._written.close()
                raise
            return outcomes


def _run_batch(connection: Connection, batch: Batch) -> tuple[Connection, list[Outcome]]:
    """All changes of a batch up to the COMMIT, and the connection that must be told it: no other knows of them."""
    tx = PostgresTransaction(connection)
    try:
        connection.execute(BEGIN, prepare=False)
        return connection, [run_alone(job.work, tx, partial(_control, connection), ends_all) for job in batch]
    except BaseException:
        with contextlib.suppress(psycopg.Error):
            connection.rollback()
        raise


def _control(connection: Connection, text: str) -> None:
    connection.execute(text.encode(), prepare=False)


def _run(connection: Connection, statement: Statement, values: Sequence[Value]) -> psycopg.Cursor[tuple[object, ...]]:
    return connection.execute(statement.text.encode(), values, binary=True)
