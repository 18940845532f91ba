# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of the tests' own, on a socket in a directory of its own, and databases in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import psycopg

from support import programs
from support.daemons import Daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "entrepot"
PASSWORD = "hunter2"


class Postgres:
    """A server with one user who owns everything. ``.start()``, ``.stop()``, ``.crash()``; a context manager.

    Its disk is not waited for, since no test cuts the power. PostgreSQL refuses to run as root, so then Debian's user
    for it runs it.
    """

    def __init__(self) -> None:
        programs.need("initdb", "postgres", "setpriv")
        self.home = Path(tempfile.mkdtemp(prefix="entrepot-postgres-"))  # the path of a socket must be short
        self.daemon = Daemon("postgres", self.home / "postgres.log")
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            self._as_user = [programs.find("setpriv"), "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(self.home, "postgres", "postgres")

    def url(self, name: str = "postgres") -> str:
        """The address of a database."""
        return f"postgresql://{USER}:{PASSWORD}@/{name}?host={self.home}"

    def start(self) -> Self:
        """Start and wait until it answers."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.home),
            "fsync": "off",
            "shared_buffers": "32MB",
            "max_connections": "200",
            "autovacuum_naptime": "5min",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        self.daemon.start([*self._as_user, programs.find("postgres"), "-D", self.home / "data", *options], env=_LOCALE)
        self.daemon.await_ready(self._answers)
        return self

    def stop(self) -> None:
        """End it, with all connections."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End it without a chance to clean up: all connections are cut, and the next start recovers."""
        self._end(signal.SIGQUIT)

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """An empty database; gives its address. It sorts as people do, lest ours compares bytes by luck."""
        name = f"test_{uuid4().hex}"
        sorting = "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C.UTF-8'"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' {sorting}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, text: str, url: str | None = None) -> list[tuple[object, ...]]:
        """Run a statement as its owner; gives the rows, if there are any."""
        with psycopg.connect(url or self.url(), autocommit=True) as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def __enter__(self) -> Self:
        try:
            self._initialise()
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_exception: object) -> None:
        if self.daemon.running:
            self.stop()
        shutil.rmtree(self.home)

    def _initialise(self) -> None:
        secret = self.home / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        initdb: list[str | Path] = [programs.find("initdb"), "--pgdata", self.home / "data", "--pwfile", secret]
        options = [
            "--username",
            USER,
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--locale",
            "C.UTF-8",
            "--no-sync",
        ]
        programs.run([*self._as_user, *initdb, *options], env=_LOCALE)

    def _end(self, how: signal.Signals) -> None:
        os.kill(self.daemon.pid, how)
        self.daemon.wait()

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


_LOCALE = {"PATH": programs.SEARCH, "LC_ALL": "C.UTF-8"}
