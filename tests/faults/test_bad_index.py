# SPDX-License-Identifier: Apache-2.0
"""An index that cannot be used: the start says what to do, a running registry is not ready; storage has it all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.server import run_entrepot
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.server import Server


def _garbage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1000)


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE kept SET value = '99' WHERE key = 'oldest_program'")
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def _nonsense(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE kept SET value = 'x' WHERE key = 'oldest_program'")


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [_garbage, _newer, _nonsense, _directory])
def test_a_start_on_it(server: Server, spoil: Callable[[Path], None]) -> None:
    """The start ends with one sentence that says what to do, not with a traceback; done so, all is served again."""
    made = transfer.push(server.client(), "team/app", images.image(), "1.0")
    server.stop()
    path = server.root / "entrepot/index.sqlite3"
    spoil(path)
    said = run_entrepot("serve", str(server.config_path))
    assert said.returncode == 1
    assert "Traceback" not in said.stderr
    assert "Error: the " in said.stderr.splitlines()[-1]
    assert "index" in said.stderr.splitlines()[-1]
    path.rmdir() if path.is_dir() else path.unlink()
    server.start()
    transfer.assert_serves(server.client(), "team/app", made, ["1.0"])
    assert server.client().get("/v2/team/app/tags/list").json()["tags"] == ["1.0"]


def test_removed_while_it_runs(server: Server) -> None:
    """Processes that still have the removed file would not see what those with a new one do: it is not ready, and says
    so; after a restart all is there.
    """
    http = server.client()
    made = transfer.push(http, "team/app", images.image(), "1.0")
    until(lambda: http.get("/readyz").status_code == 200, what="it is ready")
    for path in (server.root / "entrepot").glob("index.sqlite3*"):
        path.unlink()
    failing = until(lambda: http.get("/readyz").json()["failing"], what="it is not ready", seconds=30)
    assert "was removed or replaced; restart the registry" in failing["index"]
    server.restart()
    transfer.assert_serves(server.client(), "team/app", made, ["1.0"])
    until(lambda: server.client().get("/readyz").status_code == 200, what="it is ready again")


@pytest.mark.parametrize("path", ["blobs/{}", "manifests/{}", "manifests/latest"])
def test_deleting_what_is_not_there_leaves_no_trace(server: Server, path: str) -> None:
    """A repository that nobody pushed to stays unknown, whatever is deleted in it."""
    http = server.client()
    digest = images.digest_of(b"nobody has this")
    assert http.delete(f"/v2/nobody/here/{path.format(digest)}").status_code == 404
    assert http.get("/v2/nobody/here/tags/list").status_code == 404
    with closing(sqlite3.connect(server.root / "entrepot/index.sqlite3")) as connection:
        assert connection.execute("SELECT count(*) FROM repositories").fetchone() == (0,)
