# SPDX-License-Identifier: Apache-2.0
"""Connections to PostgreSQL: how they are made, made again, and what their errors mean to an operator."""

import contextlib
from collections.abc import Callable, Iterator
from typing import TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import DiskFull, InsufficientPrivilege, LockNotAvailable, ReadOnlySqlTransaction, UndefinedTable

from entrepot.index.places import describe
from entrepot.oci.errors import StorageFull, Unavailable

Result = TypeVar("Result")
Connection = psycopg.Connection[tuple[object, ...]]

PATIENCE = 30
"""Seconds that a writer waits for the writers before it."""

DEFAULTS: dict[str, str | int] = {
    "application_name": "entrepot",
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""What ``index.url`` may say otherwise. A server that vanished without a word is noticed within 15 seconds."""

SETTINGS = f"""
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SELECT set_config('lock_timeout', '{PATIENCE}s', false),
           set_config('idle_in_transaction_session_timeout', '10s', false),
           set_config('tcp_keepalives_idle', '10', false),
           set_config('tcp_keepalives_interval', '5', false),
           set_config('tcp_keepalives_count', '3', false);
"""
"""A commit that returned survives a power cut. Whoever is frozen, or gone, while he writes is shown out by the server,
so that the others can go on.
"""

IDENTITY = "SELECT oid::text, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"


class Dialler:
    """Makes connections to one database, and sees to it that it stays the same one."""

    def __init__(self, url: str) -> None:
        self.place = describe(url)
        try:
            self._parameters = {**DEFAULTS, **conninfo_to_dict(url)}
        except psycopg.Error:  # its message can hold the whole address, with the password
            raise Unavailable("index.url is no address that PostgreSQL's client understands") from None
        self._identity: str | None = None

    def connect(self) -> Connection:
        """A new connection that commits each statement, unless it begins a transaction."""
        with self.translated():
            connection = psycopg.connect(**self._parameters, client_encoding="UTF8", autocommit=True)  # type: ignore[arg-type]
            try:
                connection.execute(SETTINGS, prepare=False)
                self._identify(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _identify(self, connection: Connection) -> None:
        row = connection.execute(IDENTITY, prepare=False).fetchone()
        identity, encoding = map(str, row or ("", ""))
        if encoding != "UTF8":
            raise Unavailable(
                f"the database {self.place} has the encoding {encoding}; make it anew: "
                "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
            )
        if self._identity not in {None, identity}:
            raise Unavailable(f"the database {self.place} was removed or replaced; restart the registry")
        self._identity = identity

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """The driver's errors as ours, with what to do."""
        try:
            yield
        except DiskFull as error:
            raise StorageFull(f"the disk of the database {self.place} is full; space must be freed there") from error
        except LockNotAvailable as error:
            raise Unavailable(
                f"others have been writing to the database {self.place} for {PATIENCE} seconds; if that lasts, look "
                "who does in pg_stat_activity"
            ) from error
        except InsufficientPrivilege as error:
            raise Unavailable(
                f"the database {self.place} refuses its user: {_one_line(error)}; make that user the owner: "
                "ALTER DATABASE ... OWNER TO ..."
            ) from error
        except UndefinedTable as error:
            raise Unavailable(f"the database {self.place} has lost its tables; restart the registry") from error
        except ReadOnlySqlTransaction as error:
            raise Unavailable(
                f"the database {self.place} is read-only, as a standby is; name the primary in index.url, or all hosts "
                "with ?target_session_attrs=read-write"
            ) from error
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError) as error:
            raise Unavailable(f"the database {self.place} of the index cannot be used: {_one_line(error)}") from error


class Line:
    """One connection, for one thread: made when it is needed, and made again after it was lost."""

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._connection: Connection | None = None

    def connected(self) -> Connection:
        """The connection. Raises ``Unavailable``."""
        if self._connection is None or self._connection.closed:
            self._connection = self._dialler.connect()
        return self._connection

    def twice(self, attempt: Callable[[Connection], Result]) -> Result:
        """``attempt``, which changes nothing for good, once more on a new connection where the first was lost."""
        try:
            return attempt(self.connected())
        except (DiskFull, LockNotAvailable, ReadOnlySqlTransaction):
            raise
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError):
            self.close()  # the server said goodbye, or was never heard of again
            return attempt(self.connected())

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def ends_all(error: Exception) -> bool:
    """Whether an error is that of the database and not of one change."""
    own = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError)
    ours = (InsufficientPrivilege, UndefinedTable)
    return isinstance(error, psycopg.Error) and (isinstance(error, ours) or not isinstance(error, own))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]
