# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, read-only or gone: clear answers, nothing lost, back to work when it is back."""

from __future__ import annotations

import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from faults.agreement import assert_agreement
from support import images, programs, transfer
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from conftest import StartServer
    from support.images import Manifest
    from support.server import Server

MIB = 1024 * 1024
MOUNT, UMOUNT = "/usr/bin/mount", "/usr/bin/umount"


@contextmanager
def _mounted(point: Path, *arguments: str | Path) -> Iterator[None]:
    programs.need_root("to mount a small disk")
    programs.run([MOUNT, *arguments, point])
    try:
        yield
    finally:
        programs.run([UMOUNT, "--lazy", point])


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MiB."""
    point = tmp_path / "disk"
    point.mkdir()
    with _mounted(point, "-t", "tmpfs", "-o", "size=64m", "none"):
        yield point


@pytest.fixture
def small(disk: Path, start_server: StartServer) -> Iterator[Server]:
    """A server on the small disk, of which it keeps 8 MiB free."""
    root = {"filesystem": {"rootdirectory": str(disk / "data")}}
    server = start_server({"storage": root, "disk": {"reserve": "8MiB"}})
    yield server
    server.stop()


def _fill(disk: Path, leave: int = 0) -> Path:
    """Another program's file that takes all the space but ``leave`` bytes."""
    filler = disk / "filler"
    size = shutil.disk_usage(disk).free - leave
    with filler.open("ab", buffering=0) as file, suppress(OSError):  # the disk may take less than it says is free
        while size > 0:
            size -= file.write(bytes(min(size, MIB)))
    return filler


def _assert_refused(answer: httpx.Response, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    detail = answer.json()["errors"][0]["detail"]
    assert any(word in detail for word in words), detail


def _assert_works(client: httpx.Client, repository: str) -> None:
    made = transfer.push(client, repository, images.image(), "works")
    transfer.assert_serves(client, repository, made, ["works"])
    assert client.delete(f"/v2/{repository}/manifests/works").status_code == 202
    assert client.get(f"/v2/{repository}/manifests/works").status_code == 404


def _pushed(client: httpx.Client) -> Manifest:
    made = transfer.push(client, "team/app", images.image(), "1.0")
    transfer.push_manifest(client, "team/app", made, "doomed")
    transfer.assert_serves(client, "team/app", made, ["1.0", "doomed"])
    return made


def test_a_blob_that_does_not_fit_is_refused_in_the_middle(small: Server, disk: Path) -> None:
    """A blob larger than the disk gets a 507 that says what to do while it is being sent; nothing of it is visible,
    what was there is served, and once its upload is cancelled pushes work again.
    """
    client = small.client()
    made = _pushed(client)
    place = transfer.begin_upload(client, "team/app")
    answer = client.patch(place, content=(bytes(MIB) for _ in range(80)), headers={"Content-Type": images.OCTETS})
    _assert_refused(answer, 507, "free space")
    assert client.get(f"/v2/team/app/blobs/{images.digest_of(bytes(80 * MIB))}").status_code == 404
    transfer.assert_serves(client, "team/app", made, ["1.0"])
    _assert_refused(client.post("/v2/team/app/blobs/uploads/"), 507, "free space")
    assert client.delete(place).status_code == 204
    _assert_works(client, "team/app")
    assert_agreement(disk / "data")


def test_deletes_work_within_the_reserve(small: Server, disk: Path) -> None:
    """While less than the reserve is free pushes get 507 and change nothing, but what is there is served, tags,
    manifests and blobs can be deleted; after space is freed pushes work again.
    """
    client = small.client()
    made = _pushed(client)
    filler = _fill(disk, leave=4 * MIB)
    other = images.image()
    _assert_refused(client.post("/v2/team/app/blobs/uploads/"), 507, "free space")
    _assert_refused(_put(client, made, "again"), 507, "free space")
    assert client.get("/v2/team/app/manifests/again").status_code == 404
    transfer.assert_serves(client, "team/app", made, ["1.0", "doomed"])
    assert client.delete("/v2/team/app/manifests/doomed").status_code == 202
    assert client.get("/v2/team/app/manifests/doomed").status_code == 404
    assert client.get("/v2/team/app/tags/list").json()["tags"] == ["1.0"]
    assert client.delete(f"/v2/team/app/manifests/{made.digest}").status_code == 202
    assert client.get(f"/v2/team/app/manifests/{made.digest}").status_code == 404
    assert client.delete(f"/v2/team/app/blobs/{made.blobs[0].digest}").status_code == 202
    filler.unlink()
    transfer.push(client, "team/app", other, "1.0")
    transfer.assert_serves(client, "team/app", other, ["1.0"])
    assert_agreement(disk / "data")


def test_a_disk_without_a_free_byte(small: Server, disk: Path) -> None:
    """With no byte free (others filled the disk) everything is still served and listed, and tags can be deleted;
    pushes get 507, and after space is freed all works again. Nothing was lost, and no process died over it.
    """
    client = small.client()
    made = _pushed(client)
    pids = small.daemon.group()
    filler = _fill(disk)
    assert shutil.disk_usage(disk).free < 65536
    transfer.assert_serves(client, "team/app", made, ["1.0", "doomed"])
    assert client.get("/v2/team/app/tags/list").json()["tags"] == ["1.0", "doomed"]
    _assert_refused(client.post("/v2/team/app/blobs/uploads/"), 507, "free space")
    deleted = client.delete("/v2/team/app/manifests/doomed")
    assert deleted.status_code == 202, deleted.text
    assert client.get("/v2/team/app/manifests/doomed").status_code == 404
    filler.unlink()
    transfer.assert_serves(client, "team/app", made, ["1.0"])
    _assert_works(client, "team/app")
    assert small.daemon.group() == pids
    assert_agreement(disk / "data")


def test_a_read_only_directory(server: Server) -> None:
    """While the data directory is read-only, what is there is served, and pushes and deletes get a 503 that names it;
    when it can be written again all works, and nothing was lost. No process of the server died over it.
    """
    client = server.client()
    made = _pushed(client)
    pids = server.daemon.group()
    with _mounted(server.root, "--bind", server.root):
        programs.run([MOUNT, "-o", "remount,bind,ro", server.root])
        transfer.assert_serves(client, "team/app", made, ["1.0", "doomed"])
        _assert_refused(client.post("/v2/team/app/blobs/uploads/"), 503, "ead-only file system", "cannot be written")
        _assert_refused(_put(client, made, "again"), 503, "cannot be written")
        _assert_refused(client.delete("/v2/team/app/manifests/doomed"), 503, "ead-only file system")
    _assert_back(server, client, made, pids)


@pytest.mark.parametrize("instead", ["nothing", "an empty directory"])
def test_a_directory_that_vanishes(server: Server, instead: str) -> None:
    """While the data directory is gone, or another lies in its place (a disk that was unmounted), blobs, pushes and
    deletes get a 503 that says so, never a 404; when it is back all works, and nothing was lost or deleted meanwhile.
    """
    client = server.client()
    made = _pushed(client)
    pids = server.daemon.group()
    away = server.root.rename(server.root.with_name("away"))
    if instead != "nothing":
        server.root.mkdir()
    words = ("is gone", "is another one than at the start")
    _assert_refused(client.get(f"/v2/team/app/blobs/{made.blobs[0].digest}"), 503, *words)
    _assert_refused(client.post("/v2/team/app/blobs/uploads/"), 503, *words)
    _assert_refused(_put(client, made, "again"), 503, *words)
    _assert_refused(client.delete("/v2/team/app/manifests/doomed"), 503, *words)
    _assert_refused(client.delete(f"/v2/team/app/blobs/{made.blobs[0].digest}"), 503, *words)
    _assert_refused(client.get("/v2/team/app/manifests/unknown"), 503, *words)
    if instead != "nothing":
        assert list(server.root.iterdir()) == []
        server.root.rmdir()
    away.rename(server.root)
    _assert_back(server, client, made, pids)


def _put(client: httpx.Client, made: Manifest, tag: str) -> httpx.Response:
    headers = {"Content-Type": made.media_type}
    return client.put(f"/v2/team/app/manifests/{tag}", content=made.data, headers=headers)


def _assert_back(server: Server, client: httpx.Client, made: Manifest, pids: list[int]) -> None:
    transfer.assert_serves(client, "team/app", made, ["1.0", "doomed"])
    assert client.get("/v2/team/app/manifests/again").status_code == 404
    _assert_works(client, "team/app")
    assert server.daemon.group() == pids

    def agree() -> bool:
        try:
            assert_agreement(server.root)
        except AssertionError:
            return False
        return True

    until(agree, what="names that could not be changed are settled", seconds=10)
