# SPDX-License-Identifier: Apache-2.0
"""A large directory of docker-registry 2.8.2: served from the first second, adopted meanwhile, whatever happens."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from faults.agreement import assert_agreement
from peers.conftest import has_ended
from support import images, transfer
from support.server import run_entrepot
from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from peers.conftest import Turns
    from support.images import Manifest
    from support.server import Server

pytestmark = pytest.mark.peers


def _fill(turns: Turns, repositories: int) -> Manifest:
    """One image pushed to 2.8.2 with two tags, and its repository's directory copied: what 2.8.2 would have written."""
    made = images.image(layers=1)
    peer = turns.theirs().client()
    transfer.push(peer, "team-0/app-0", made, "1.0")
    transfer.push_manifest(peer, "team-0/app-0", made, "latest")
    turns.nobody()
    first = _repositories(turns.data) / "team-0/app-0"
    for number in range(1, repositories):
        shutil.copytree(first, _repositories(turns.data) / f"team-{number % 50}/app-{number}")
    return made


def _repositories(data: Path) -> Path:
    return data / "docker/registry/v2/repositories"


def _state(http: httpx.Client) -> str:
    return str(http.get("/readyz").json()["index"])


@pytest.mark.parametrize("repositories", [pytest.param(5000, marks=pytest.mark.soak), 300])
def test_served_while_it_is_adopted(turns: Turns, repositories: int) -> None:
    """While the index is being built, and its process is killed again and again: any image pulls, lists are whole, the
    catalog begins right, pushes and deletes hold. In the end all is known, and agrees.
    """
    made = _fill(turns, repositories)
    last = f"team-{(repositories - 1) % 50}/app-{repositories - 1}"
    begun = time.monotonic()
    server = turns.start_ours()
    http = server.client()
    transfer.assert_serves(http, last, made, ["1.0", "latest"])
    print(f"{repositories} repositories: first pull {time.monotonic() - begun:.2f} s after the start")
    assert _state(http) == "adopting"
    _look_and_change(http, made, repositories)
    for _ in range(3):
        server.kill()
        server.start()
        assert _state(server.client()) == "adopting"
    assert "adopting: " in run_entrepot("index", "status", str(server.config_path)).stdout
    until(lambda: has_ended(server.log()), what="all is adopted", seconds=300)
    print(f"{repositories} repositories: adopted {time.monotonic() - begun:.0f} s after the start")
    _assert_whole(server, repositories)
    assert_agreement(turns.data)


def _look_and_change(http: httpx.Client, made: Manifest, repositories: int) -> None:
    """Lists of a repository that nobody asked for yet, a page of the catalog; a push, and a delete with its tags."""
    assert http.get("/v2/team-7/app-7/tags/list").json()["tags"] == ["1.0", "latest"]
    names = sorted(f"team-{number % 50}/app-{number}" for number in range(repositories))
    assert http.get("/v2/_catalog", params={"n": 100}).json()["repositories"] == names[:100]
    behind = http.get("/v2/_catalog", params={"n": 10, "last": names[200]}).json()["repositories"]
    assert behind == names[201:211]
    transfer.push(http, "team-8/app-8", images.image(layers=1), "new")
    assert http.delete(f"/v2/team-9/app-9/manifests/{made.digest}").status_code == 202
    assert http.get("/v2/team-9/app-9/manifests/latest").status_code == 404
    assert http.get("/v2/team-9/app-9/tags/list").json()["tags"] == []


def _assert_whole(server: Server, repositories: int) -> None:
    http = server.client()
    assert _state(http) == "complete"
    assert http.get("/v2/team-8/app-8/tags/list").json()["tags"] == ["1.0", "latest", "new"]
    assert http.get("/v2/team-9/app-9/tags/list").json()["tags"] == []
    said = run_entrepot("index", "status", str(server.config_path)).stdout.split()
    assert "complete" in said
    assert said[said.index("tags") + 1] == f"{2 * repositories - 1:,}"
    assert said[said.index("repositories") + 1] == f"{repositories:,}"


def test_rebuild_by_hand(turns: Turns) -> None:
    """`entrepot index rebuild` adopts all without a server, and mends what another program changed while one runs."""
    made = _fill(turns, 20)
    server = turns.start_ours()
    server.stop()
    (turns.data / "entrepot/index.sqlite3").unlink()
    assert "no index" in run_entrepot("index", "status", str(server.config_path)).stdout
    said = run_entrepot("index", "rebuild", str(server.config_path))
    assert said.returncode == 0, said.stderr
    assert "20 repositories compared, 0 names mended" in said.stdout
    assert_agreement(turns.data)
    http = turns.ours().client()
    transfer.assert_serves(http, "team-3/app-3", made, ["1.0", "latest"])
    shutil.rmtree(_repositories(turns.data) / "team-3/app-3/_manifests/tags/latest")
    assert http.get("/v2/team-3/app-3/tags/list").json()["tags"] == ["1.0", "latest"]
    said = run_entrepot("index", "rebuild", str(server.config_path))
    assert "20 repositories compared, 1 names mended" in said.stdout
    assert http.get("/v2/team-3/app-3/tags/list").json()["tags"] == ["1.0"]
    assert_agreement(turns.data)


def test_commands_on_what_has_no_index(tmp_path: Path) -> None:
    """A configuration whose index is in memory, or that cannot be read, ends the command with what to do."""
    config = tmp_path / "memory.yml"
    config.write_text("version: 0.1\nstorage: inmemory\nhttp: {addr: 127.0.0.1:0}\n")
    said = run_entrepot("index", "status", str(config))
    assert said.returncode == 1
    assert "in the server's process" in said.stderr
    assert run_entrepot("index", "rebuild", str(tmp_path / "nothing.yml")).returncode == 1
