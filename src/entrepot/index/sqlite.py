# SPDX-License-Identifier: Apache-2.0
"""SQLite: one writer thread per process, readers that never wait for it.

WAL with synchronous=FULL: a commit that returned survives a power cut. What is written within one moment by several
requests goes into one commit (each in its own savepoint), so that a slow disk is waited for once. Processes queue for
the database on an flock and not on SQLite's own busy handler, which sleeps in steps of up to 100 ms.
"""

import asyncio
import contextlib
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from entrepot.index.engine import Work
from entrepot.index.statements import Row, Statement, Value, sqlite_dialect
from entrepot.oci.errors import StorageFull, Unavailable

Result = TypeVar("Result")

BATCH = 64
"""Changes in one commit at most; more would let the first of them wait long."""

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


@dataclass(slots=True)
class Job(Generic[Result]):
    """A change that waits for the writer thread."""

    work: Work[Result]
    done: Future[Result] = field(default_factory=Future)


Outcome = tuple[Job[object], object, BaseException | None]
"""A change, what it gave, and what it raised."""


class SqliteEngine:
    """The ``Engine`` contract. Not to be used across a fork."""

    dialect = sqlite_dialect()

    def __init__(self, path: Path, make_room: Callable[[], bool] = lambda: False) -> None:
        """``make_room`` is called when the disk is full: True where it freed some, and the commit is tried again."""
        self._path = path
        self._make_room = make_room
        self._lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o666)
        self._reader = self._connect()
        self._identity = _identify(path)
        self._writer = self._connect()
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(2, "index-read")
        self._queue: queue.SimpleQueue[Job[object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_forever, name="index-write", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()
        self._pool.shutdown()
        for connection in (self._reader, self._writer, *self._readers):
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
        job = Job(work)
        self._queue.put(job)  # type: ignore[arg-type]
        return await asyncio.wrap_future(job.done)

    def write_blocking(self, work: Work[Result]) -> Result:
        job = Job(work)
        self._queue.put(job)  # type: ignore[arg-type]
        return job.done.result()

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

    def _write_forever(self) -> None:
        closing = False
        while not closing:
            jobs = self._gather()
            closing = jobs[-1] is None
            batch = [job for job in jobs if job is not None and job.done.set_running_or_notify_cancel()]
            if batch:
                self._write_batch(self._writer, batch)

    def _gather(self) -> list[Job[object] | None]:
        jobs = [self._queue.get()]
        with contextlib.suppress(queue.Empty):
            while jobs[-1] is not None and len(jobs) < BATCH:
                jobs.append(self._queue.get_nowait())
        return jobs

    def _write_batch(self, connection: sqlite3.Connection, batch: list[Job[object]]) -> None:
        try:
            answers = self._commit(connection, batch)
        except Exception as error:  # noqa: BLE001 - told to every request of the batch
            answers = [(job, None, error) for job in batch]
        for job, result, failure in answers:
            if failure is not None:
                job.done.set_exception(failure)
            else:
                job.done.set_result(result)

    def _commit(self, connection: sqlite3.Connection, batch: list[Job[object]]) -> list[Outcome]:
        try:
            return self._try_commit(connection, batch)
        except StorageFull:
            if not self._make_room():
                raise
        return self._try_commit(connection, batch)

    def _try_commit(self, connection: sqlite3.Connection, batch: list[Job[object]]) -> list[Outcome]:
        with _translated(), self._exclusive(), _transaction(connection):
            return [_run(connection, job) for job in batch]

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)


def _identify(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _run(connection: sqlite3.Connection, job: Job[object]) -> Outcome:
    connection.execute("SAVEPOINT change")
    try:
        result = job.work(SqliteTransaction(connection))
    except sqlite3.OperationalError:
        raise
    except Exception as error:
        if type(error) is sqlite3.DatabaseError:  # damage, which is everybody's; its subclasses are one request's
            raise
        connection.execute("ROLLBACK TO change")
        connection.execute("RELEASE change")
        return job, None, error
    connection.execute("RELEASE change")
    return job, result, None


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
