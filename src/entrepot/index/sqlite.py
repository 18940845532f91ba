# SPDX-License-Identifier: Apache-2.0
"""SQLite: one writer thread per process, readers that never wait for it.

WAL with synchronous=FULL: a commit that returned survives a power cut. Processes queue for the database on an flock and
not on SQLite's own busy handler, which sleeps in steps of up to 100 ms.
"""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from entrepot.index.altering import alter_with
from entrepot.index.engine import Work
from entrepot.index.statements import Row, Statement, Value, sqlite_dialect
from entrepot.index.writing import Batch, Outcome, Writer, run_alone
from entrepot.oci.errors import StorageFull, Unavailable

Result = TypeVar("Result")

BUSY = 30.0
"""Seconds to wait for other programs that have the database open (a backup, a shell)."""


class SqliteTransaction:
    """The ``Transaction`` contract."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: Statement, values: Mapping[str, Value]) -> int:
        return self._connection.execute(statement.text, statement.bind(values)).rowcount

    def one(self, statement: Statement, values: Mapping[str, Value]) -> Row | None:
        row: Row | None = self._connection.execute(statement.text, statement.bind(values)).fetchone()
        return row

    def all(self, statement: Statement, values: Mapping[str, Value]) -> list[Row]:
        return self._connection.execute(statement.text, statement.bind(values)).fetchall()


class SqliteEngine:
    """The ``Engine`` contract. Not to be used across a fork."""

    dialect = sqlite_dialect()

    def __init__(self, path: Path, make_room: Callable[[], bool] = lambda: False) -> None:
        """``make_room`` is called when the disk is full: True where it freed some, and the commit is tried again."""
        self._path = path
        self._make_room = make_room
        self._lock = _open_lock(f"{path}.lock")
        _make_private(path)
        self._reader = self._connect()
        self._identity = _identify(path)
        self._written = self._connect()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(2, "index-read")
        self._writer = Writer(self._commit)

    def close(self) -> None:
        self._writer.close()
        self._pool.shutdown()
        for connection in (self._reader, self._written, *self._readers):
            connection.close()
        os.close(self._lock)

    def check(self) -> None:
        if _identify(self._path) != self._identity:
            raise Unavailable(f"the index {self._path} was removed or replaced; restart the registry")

    async def read_one(self, statement: Statement, *values: Value) -> Row | None:
        """Microseconds, so on the loop's thread: a hop to another costs several times as much."""
        with _translated():
            row: Row | None = self._reader.execute(statement.text, values).fetchone()
            return row

    async def read(self, statement: Statement, values: Mapping[str, Value]) -> list[Row]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._read_all, statement, values)

    async def read_together(self, work: Work[Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read_together, work)

    async def write(self, work: Work[Result]) -> Result:
        return await self._writer.write(work)

    def write_blocking(self, work: Work[Result]) -> Result:
        return self._writer.write_blocking(work)

    def alter(self, work: Callable[[Connection], None]) -> None:
        with _translated(), self._exclusive():
            alter_with("sqlite://", partial(sqlite3.connect, self._path, BUSY, 0, None), "BEGIN IMMEDIATE", work)

    def _connect(self) -> sqlite3.Connection:
        with _translated():
            connection = sqlite3.connect(self._path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32768"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        return connection

    def _read_all(self, statement: Statement, values: Mapping[str, Value]) -> list[Row]:
        connection = self._reading()
        with _translated():
            return connection.execute(statement.text, statement.bind(values)).fetchall()

    def _read_together(self, work: Work[Result]) -> Result:
        connection = self._reading()
        with _translated():
            connection.execute("BEGIN")
            try:
                return work(SqliteTransaction(connection))
            finally:
                connection.execute("ROLLBACK")

    def _reading(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._readers.append(connection)
        return connection

    def _commit(self, batch: Batch) -> list[Outcome]:
        try:
            return self._try_commit(batch)
        except StorageFull:
            if not self._make_room():
                raise
        return self._try_commit(batch)

    def _try_commit(self, batch: Batch) -> list[Outcome]:
        connection = self._written
        tx = SqliteTransaction(connection)
        with _translated(), self._exclusive(), _transaction(connection):
            return [run_alone(job.work, tx, connection.execute, _ends_all) for job in batch]

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)


def _open_lock(path: str) -> int:
    """For its owner alone, also where an earlier version made it: whoever can read it could lock it for ever."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with contextlib.suppress(PermissionError):  # another's, who let us in
        os.fchmod(descriptor, 0o600)
    return descriptor


def _make_private(path: Path) -> None:
    """A new database is for its owner alone: it holds hashes of passwords and the key that signs tokens. What SQLite
    lays beside it gets the same mode. What cannot be made SQLite says better.
    """
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _identify(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _ends_all(error: Exception) -> bool:
    """Damage and a full disk are everybody's; the other errors of SQLite are one request's."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    try:
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise StorageFull("the disk of the registry's index is full; space must be freed there") from error
        raise Unavailable(f"the registry's index cannot be used: {error}") from error
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        advice = "stop, remove entrepot/index.sqlite3* in the data directory (or where index.url says), and start again"
        raise Unavailable(f"the registry's index is damaged ({error}); {advice}") from error
    except OSError as error:
        raise Unavailable(f"the registry's index cannot be used: {error.strerror}") from error
