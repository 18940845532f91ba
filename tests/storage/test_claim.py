# SPDX-License-Identifier: Apache-2.0
"""The directory that a server claimed is known again by the processes that it starts later."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import Unavailable
from entrepot.storage.claim import claim_directory, is_served
from entrepot.storage.filesystem import open_filesystem
from entrepot.storage.settings import DiskSettings, FilesystemSettings
from support import images, transfer
from support.rooms import NAME, open_directory, store
from support.waiting import until

if TYPE_CHECKING:
    from conftest import StartServer
    from support.server import Server

DATA = os.urandom(5000)


def swap(root: Path) -> Path:
    """Put another registry, which is empty, in the place of ``root``; gives where that one is now."""
    moved = root.with_name("moved")
    root.rename(moved)
    (root / "docker/registry/v2/repositories").mkdir(parents=True)
    (root / "entrepot/tmp").mkdir(parents=True)
    return moved


async def test_another_directory_than_was_claimed(root: Path) -> None:
    """While a directory is claimed, another one or none in its place is Unavailable for whoever opens it; the claimed
    one can be opened again once it is back, and after the claim any can.
    """
    settings = FilesystemSettings(root), DiskSettings()
    with claim_directory(root) as claim:
        assert claim.writable
        with open_filesystem(*settings, claim.identity) as storage:
            await store(storage, DATA)
        moved = swap(root)
        with pytest.raises(Unavailable, match="another one"), open_filesystem(*settings, claim.identity):
            pass
        shutil.rmtree(root)
        with pytest.raises(Unavailable, match="is gone"), open_filesystem(*settings, claim.identity):
            pass
        moved.rename(root)
        with open_filesystem(*settings, claim.identity) as storage:
            assert await storage.links.read_layer(NAME, Digest.of(DATA)) == Digest.of(DATA)
    swap(root)
    with open_directory(root) as storage:
        assert await storage.links.read_layer(NAME, Digest.of(DATA)) is None


def _children(server: Server) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()]


def test_a_worker_that_is_started_on_another_directory(start_server: StartServer) -> None:
    """Workers that die while another directory is in the place of the data do not answer from that one: what is there
    never reads as gone. Once the data is back they do, without a restart.
    """
    server = start_server()
    made = transfer.push(server.client(), "team/app", images.image(), "1.0")
    target = "/v2/team/app/manifests/1.0"
    assert server.client().get(target).status_code == 200
    time.sleep(2.5)  # a server whose workers never stood gives up
    moved = swap(server.root)
    for pid in _children(server):
        os.kill(pid, signal.SIGKILL)
    until(lambda: "another one than at the start" in server.log(), what="a worker that refuses the directory")
    with pytest.raises(httpx.TransportError):
        server.client(timeout=1).get(target)
    shutil.rmtree(server.root)
    moved.rename(server.root)
    transfer.assert_serves(server.client(), "team/app", made, ["1.0"])


async def test_locks_are_for_their_owner(root: Path) -> None:
    """Nobody else on the machine can open what a server locks, also where an earlier version made it; commands of the
    owner can.
    """
    locks = [root / "entrepot" / name for name in ("serving.lock", "digests.lock")]
    for _ in range(2):
        with claim_directory(root), open_directory(root) as storage:
            async with storage.locks.share(Digest.of(DATA)):
                assert [stat.S_IMODE(path.stat().st_mode) for path in locks] == [0o600] * 2
            assert is_served(root)
        assert not is_served(root)
        for path in locks:
            path.chmod(0o644)


def test_who_may_not_look_takes_it_for_served(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command of another user does not take a server for gone; without a registry there is none."""
    assert not is_served(root)

    def refuse(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refuse)
    assert is_served(root)
