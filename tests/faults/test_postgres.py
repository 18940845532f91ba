# SPDX-License-Identifier: Apache-2.0
"""A server whose index lies in PostgreSQL: it serves, survives, says what is wrong, and can be moved there and back."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from faults.agreement import assert_agreement
from support import images, transfer
from support.postgres import PASSWORD
from support.server import Server, run_entrepot
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.postgres import Postgres


@pytest.fixture
def server(database: str, tmp_path: Path) -> Iterator[Server]:
    """A server on PostgreSQL with two workers; its password is never in its log."""
    with Server(tmp_path / "server", {"index": {"url": database}}) as running:
        yield running
        assert PASSWORD not in running.log()


def client(server: Server) -> httpx.Client:
    """With a connection for each request, so that both workers get some."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=server.url, timeout=30, trust_env=False, limits=limits)


def workers(server: Server) -> set[int]:
    """The processes of the server beside the main one."""
    return set(server.daemon.group()) - {server.pid}


def command(*arguments: str | Path, **options: Any) -> str:
    """What a command says, which must succeed and hide the password."""
    done = run_entrepot(*arguments, **options)
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done.stdout


def test_it_serves(server: Server, database: str) -> None:
    """Push, list, pull, delete on two workers; the index is in the database and nowhere else; commands see it."""
    with client(server) as http:
        made = [transfer.push(http, "team/app", images.image(), tag) for tag in ("1.0", "2.0")]
        for one, tag in zip(made, ("1.0", "2.0"), strict=True):
            transfer.assert_serves(http, "team/app", one, [tag])
        assert http.get("/v2/_catalog").json() == {"repositories": ["team/app"]}
        assert http.delete("/v2/team/app/manifests/2.0").status_code == 202
        assert http.get("/v2/team/app/tags/list").json()["tags"] == ["1.0"]
    assert_agreement(server.root, database=database)
    assert list(server.root.rglob("*.sqlite3*")) == []
    status = command("index", "status", server.config_path)
    assert "index         postgresql://" in status
    assert "tags          1\n" in status
    assert "0 names mended" in command("index", "rebuild", server.config_path)
    assert "index.url: postgresql://***@" in command("config", "check", server.config_path)


def test_workers_may_die(server: Server, database: str) -> None:
    """Workers are killed one after the other while images are pushed: what was acknowledged is served, no name stays
    locked, and storage and index agree.
    """
    acknowledged = []
    for turn in range(6):
        made = images.image()
        before = workers(server)
        with client(server) as http:
            place = transfer.begin_upload(http, "team/app")
            os.kill(sorted(before)[turn % 3], signal.SIGKILL)
            try:
                transfer.append(http, place, b"half")
                transfer.push(http, "team/app", made, f"{turn}")
            except (httpx.TransportError, AssertionError):
                continue
            acknowledged.append((made, f"{turn}"))
        until(lambda: len(workers(server)) == 3, what="the dead one is replaced")
    assert acknowledged
    with client(server) as http:
        for made, tag in acknowledged:
            transfer.assert_serves(http, "team/app", made, [tag])
        last = transfer.push(http, "team/app", images.image(), "0")
        transfer.assert_serves(http, "team/app", last, ["0"])
    until(lambda: _agree(server, database), what="storage and index agree")


def _agree(server: Server, database: str) -> bool:
    try:
        assert_agreement(server.root, database=database)
    except AssertionError:
        return False
    return True


def test_the_database_goes_and_comes(server: Server, postgres: Postgres, database: str) -> None:
    """While the database is away requests get 503 and when to come again, and the registry is not ready; when it is
    back all goes on without a restart, also the tag whose push was cut.
    """
    with client(server) as http:
        made = transfer.push(http, "team/app", images.image(), "1.0")
        until(lambda: http.get("/readyz").status_code == 200, what="it is ready")
        postgres.crash()
        try:
            for _ in range(4):
                cut = http.put(
                    "/v2/team/app/manifests/1.0", content=made.data, headers={"Content-Type": made.media_type}
                )
                got = http.get("/v2/team/app/manifests/1.0")
                assert (cut.status_code, got.status_code) == (503, 503), cut.text + got.text
                assert cut.headers["Retry-After"]
                assert PASSWORD not in cut.text + got.text
            failing = until(lambda: http.get("/readyz").json()["failing"], what="it is not ready", seconds=30)
            assert "cannot be used" in failing["index"]
            assert http.get("/healthz").status_code == 200
        finally:
            postgres.start()
        transfer.assert_serves(http, "team/app", made, ["1.0"])
        again = transfer.push(http, "team/app", images.image(), "1.0")
        transfer.assert_serves(http, "team/app", again, ["1.0"])
        until(lambda: http.get("/readyz").status_code == 200, what="it is ready again", seconds=30)
    until(lambda: _agree(server, database), what="storage and index agree")


def test_a_start_without_the_database(tmp_path: Path, database: str, postgres: Postgres) -> None:
    """A start while the database is away ends with one sentence that says which one, without a traceback."""
    server = Server(tmp_path / "server", {"index": {"url": database}})
    with server:
        pass
    postgres.stop()
    try:
        said = run_entrepot("serve", server.config_path)
    finally:
        postgres.start()
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    assert PASSWORD not in said.stderr
    assert f"Error: the database postgresql://{postgres.home}/test_" in said.stderr.splitlines()[-1]


def test_moved_there_and_back(tmp_path: Path, database: str) -> None:
    """A registry moves to PostgreSQL and back: not while it runs; nothing is lost, the old index stays, and the second
    move to the same place is refused.
    """
    server = Server(tmp_path / "server").start()
    with client(server) as http:
        made = transfer.push(http, "team/app", images.image(), "1.0")
    running = run_entrepot("index", "move", "--to", database, server.config_path)
    assert running.returncode == 1
    assert "is served already" in running.stderr
    server.stop()
    said = command("index", "move", "--to", database, server.config_path)
    assert "history       1\n" in said
    assert (server.root / "entrepot/index.sqlite3").exists()
    again = run_entrepot("index", "move", "--to", database, server.config_path)
    assert again.returncode == 1
    assert "rows of its own already" in again.stderr
    with Server(server.home, {**server.config, "index": {"url": database}}) as moved, client(moved) as http:
        transfer.assert_serves(http, "team/app", made, ["1.0"])
        until(lambda: "complete" in command("index", "status", moved.config_path), what="all is adopted")
        assert_agreement(server.root, database=database)
    back = tmp_path / "elsewhere" / "index.sqlite3"
    assert "history       1\n" in command("index", "move", "--to", f"sqlite:///{back}", server.config_path)
    with Server(server.home, {**server.config, "index": {"url": f"sqlite:///{back}"}}) as moved, client(moved) as http:
        transfer.assert_serves(http, "team/app", made, ["1.0"])


def test_moves_that_make_no_sense(tmp_path: Path, database: str) -> None:
    """A move to where the index is, of an index that is not there, and to what is no place, say so."""
    server = Server(tmp_path / "server", {"index": {"url": database}})
    with server:
        pass
    nothing = Server(tmp_path / "nothing")
    with nothing:
        pass
    for path in (nothing.root / "entrepot").glob("index.sqlite3*"):
        path.unlink()
    for config, to, expected in (
        (server.config_path, database, "already"),
        (nothing.config_path, database, "there is no index"),
        (server.config_path, f"mysql://u:{PASSWORD}@db/r", "allowed: sqlite:////"),
    ):
        done = run_entrepot("index", "move", "--to", to, config)
        assert done.returncode == 1
        assert expected in done.stderr
        assert PASSWORD not in done.stderr


def test_one_database_for_one_directory(server: Server, database: str, tmp_path: Path) -> None:
    """A database that is about one directory is refused with another one, by server and commands, and nothing in it
    changes; the directory itself may move.
    """
    with client(server) as http:
        made = transfer.push(http, "team/app", images.image(), "1.0")
    server.stop()
    other = Server(tmp_path / "other", {"index": {"url": database}})
    other.root.mkdir(parents=True)
    other.config_path.write_text(yaml.safe_dump(other.config))
    for command_line in (("serve",), ("gc",), ("index", "rebuild")):
        refused = run_entrepot(*command_line, other.config_path)
        assert refused.returncode == 1
        assert "another data directory" in refused.stderr
    server.start()
    with client(server) as http:
        transfer.assert_serves(http, "team/app", made, ["1.0"])
