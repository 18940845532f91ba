# SPDX-License-Identifier: Apache-2.0
"""What only a filesystem has: space that runs out, directories that vanish, writes that fail half way, fsync."""

import asyncio
import errno
import os
import resource
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import StorageFull, Unavailable
from entrepot.oci.names import Tag
from entrepot.storage import layout
from entrepot.storage.ports import Storage
from support.rooms import NAME, append, commit, load, open_directory, store

DATA = os.urandom(700_000)
DIGEST = Digest.of(DATA)
EVERYTHING = 1 << 60

Use = Callable[[Storage, UUID], Awaitable[object]]
USES: dict[str, Use] = {
    "health": lambda storage, _: storage.health.check(),
    "health of reading": lambda storage, _: storage.health.check_reading(),
    "start": lambda storage, _: storage.uploads.start(NAME, "sha256"),
    "status": lambda storage, upload: storage.uploads.status(NAME, upload),
    "append": lambda storage, upload: append(storage, NAME, upload, DATA),
    "commit": lambda storage, upload: commit(storage, NAME, upload, Digest.of(b"")),
    "stat": lambda storage, _: storage.blobs.stat(DIGEST),
    "put": lambda storage, _: storage.links.write_manifest(NAME, DIGEST, DATA, ()),
    "read": lambda storage, _: anext(aiter(storage.blobs.read(DIGEST, 0, 1))),
    "read tag": lambda storage, _: storage.links.read_tag(NAME, Tag("a")),
    "write tags": lambda storage, _: storage.links.write_manifest(NAME, DIGEST, b"{}", (Tag("a"), Tag("b"))),
    "remove tag": lambda storage, _: storage.links.remove_tags(NAME, [Tag("a")]),
    "write revision": lambda storage, _: storage.links.write_manifest(NAME, DIGEST, b"{}", ()),
    "remove revision": lambda storage, _: storage.links.remove_revisions(NAME, [DIGEST]),
    "read layer": lambda storage, _: storage.links.read_layer(NAME, DIGEST),
    "write layer": lambda storage, _: storage.links.write_layer(NAME, DIGEST),
    "list tags": lambda storage, _: storage.links.list_tags(NAME),
}


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size`` bytes: writes fail half way, as on a disk that fills."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def descriptor_limit(more: int) -> Iterator[None]:
    """This process can open ``more`` files and then no other."""
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_reserve(root: Path) -> None:
    """While less than the reserve is free, nothing new is taken in; what is there is served and can be removed."""
    with open_directory(root) as storage:
        await store(storage, DATA)
        await storage.links.write_layer(NAME, DIGEST)
        await storage.health.check()
    with open_directory(root, reserve=EVERYTHING) as storage:
        await storage.health.check_reading()
        for refused in (storage.uploads.start(NAME, "sha256"), storage.health.check()):
            with pytest.raises(StorageFull, match=r"disk\.reserve") as caught:
                await refused
            assert caught.value.status == 507
        assert await load(storage, DIGEST) == DATA
        await storage.links.remove_layers(NAME, [DIGEST])
        assert await storage.links.read_layer(NAME, DIGEST) is None


async def test_reserve_ends_a_long_upload(root: Path) -> None:
    """An upload that began while there was room is stopped once there is none; what arrived can be resumed."""
    block = bytes(1 << 20)
    with open_directory(root) as storage:
        upload = await storage.uploads.start(NAME, "sha256")
    with open_directory(root, reserve=EVERYTHING, fsync=False) as storage:
        with pytest.raises(StorageFull):
            await append(storage, NAME, upload, *[block] * 20)
        status = await storage.uploads.status(NAME, upload)
    assert status is not None
    with open_directory(root, fsync=False) as storage:
        await append(storage, NAME, upload, bytes((20 << 20) - status.offset))
        await commit(storage, NAME, upload, Digest.of(block * 20))


@pytest.mark.parametrize("use", USES)
async def test_directory_gone(root: Path, disk: Storage, use: str) -> None:
    """A data directory that vanished is Unavailable for whatever is asked of it, and is not made again."""
    upload = await disk.uploads.start(NAME, "sha256")
    shutil.rmtree(root)
    with pytest.raises(Unavailable, match=str(root)):
        await USES[use](disk, upload)
    assert not root.exists()


@pytest.mark.parametrize("use", USES)
async def test_directory_replaced(root: Path, disk: Storage, use: str) -> None:
    """Another directory in its place (a disk that was unmounted) is Unavailable too, and stays empty."""
    upload = await disk.uploads.start(NAME, "sha256")
    root.rename(root.with_name("moved"))
    root.mkdir()
    with pytest.raises(Unavailable, match="another one"):
        await USES[use](disk, upload)
    assert list(root.iterdir()) == []
    assert (root.with_name("moved") / "docker").is_dir()


async def test_open_upload_of_a_vanished_directory(root: Path, disk: Storage) -> None:
    """A commit whose data directory vanished during the body is Unavailable and makes nothing in its place."""
    upload = await disk.uploads.start(NAME, "sha256")
    async with disk.uploads.open(NAME, upload) as writer:
        await writer.write(DATA)
        shutil.rmtree(root)
        with pytest.raises(Unavailable):
            await writer.commit(DIGEST, None)
    assert not root.exists()


async def test_directory_that_cannot_be_written(root: Path, disk: Storage) -> None:
    """A directory in which a file is in the way is Unavailable, not a fault of ours."""
    await disk.links.write_layer(NAME, DIGEST)
    (root / "docker/registry/v2/repositories/library/box/_manifests").write_text("in the way")
    for refused in (
        disk.links.write_manifest(NAME, DIGEST, b"{}", (Tag("a"), Tag("b"))),
        disk.links.write_manifest(NAME, DIGEST, b"{}", ()),
    ):
        with pytest.raises(Unavailable):
            await refused
    assert not await disk.links.has_revision(NAME, DIGEST)
    assert await disk.links.read_layer(NAME, DIGEST) == DIGEST


async def test_own_directory_gone(root: Path, disk: Storage) -> None:
    """Without the directory in which files get ready nothing is written or removed, and that is said."""
    await disk.links.write_manifest(NAME, DIGEST, b"{}", (Tag("a"),))
    (root / "entrepot/tmp").rmdir()
    for refused in (disk.links.write_layer(NAME, DIGEST), disk.links.remove_tags(NAME, [Tag("a")])):
        with pytest.raises(Unavailable, match="entrepot/tmp is gone; restart"):
            await refused
    assert await disk.links.read_tag(NAME, Tag("a")) == DIGEST
    await disk.links.remove_tags(NAME, [Tag("never")])


async def test_nothing_behind_a_failed_write(disk: Storage) -> None:
    """When a write fails half way, nothing that came later is written behind it: the rest can be resumed."""
    upload = await disk.uploads.start(NAME, "sha256")

    async def request() -> None:
        async with disk.uploads.open(NAME, upload) as writer:
            with file_size_limit(100_000):
                await writer.write(DATA[:300_000])
                await writer.write(DATA[300_000:600_000])

    with pytest.raises(Unavailable, match=os.strerror(errno.EFBIG)):
        await request()
    status = await disk.uploads.status(NAME, upload)
    assert status is not None
    assert status.offset == 100_000
    await append(disk, NAME, upload, DATA[status.offset :])
    await commit(disk, NAME, upload, DIGEST)
    assert await load(disk, DIGEST) == DATA


async def test_reading_again_holds_up_nobody(root: Path, disk: Storage) -> None:
    """While large uploads are read again for a digest of another algorithm, as many as there may be, others' bytes are
    taken in.
    """
    large = [await disk.uploads.start(NAME, "sha256") for _ in range(9)]
    for upload in large:
        os.truncate(root / layout.upload_directory(NAME, upload) / "data", 64 << 20)
    digest = Digest.of(bytes(64 << 20), "sha512")
    commits = [asyncio.ensure_future(commit(disk, NAME, upload, digest)) for upload in large]
    await asyncio.sleep(0)
    upload = await disk.uploads.start(NAME, "sha256")
    await append(disk, NAME, upload, DATA)
    assert not any(task.done() for task in commits)
    assert await asyncio.gather(*commits) == [64 << 20] * len(large)


async def test_an_error_of_the_last_write_is_told(disk: Storage) -> None:
    """When what was gathered cannot be written as the request ends, the request fails: 202 would acknowledge it."""
    upload = await disk.uploads.start(NAME, "sha256")

    async def request() -> None:
        with file_size_limit(1000):
            await append(disk, NAME, upload, DATA[:5000])

    with pytest.raises(Unavailable, match=os.strerror(errno.EFBIG)):
        await request()
    status = await disk.uploads.status(NAME, upload)
    assert status is not None
    assert status.offset == 1000


@pytest.mark.parametrize("more", [0, 1])
async def test_an_upload_that_could_not_be_opened(disk: Storage, more: int) -> None:
    """A process out of file descriptors says Unavailable, whichever file of an upload it cannot open; once it has some
    again the upload is not locked and goes on.
    """
    upload = await disk.uploads.start(NAME, "sha256")
    with descriptor_limit(more), pytest.raises(Unavailable, match=os.strerror(errno.EMFILE)):
        await append(disk, NAME, upload, DATA)
    with descriptor_limit(0), pytest.raises(Unavailable, match=os.strerror(errno.EMFILE)):
        await disk.uploads.status(NAME, upload)
    await append(disk, NAME, upload, DATA)
    await commit(disk, NAME, upload, DIGEST)
    assert await load(disk, DIGEST) == DATA


async def test_nothing_left_of_a_failed_write(root: Path, disk: Storage) -> None:
    """Links and blobs that cannot be written leave nothing under their name and nothing on the way to it."""
    for digest in (DIGEST, Digest.of(b"")):
        with file_size_limit(10), pytest.raises(Unavailable, match=os.strerror(errno.EFBIG)):
            await disk.links.write_manifest(NAME, digest, DATA, ())
        with file_size_limit(10), pytest.raises(Unavailable, match=os.strerror(errno.EFBIG)):
            await disk.links.write_manifest(NAME, digest, b"{}", (Tag("a"), Tag("b")))
        assert await disk.blobs.stat(digest) is None
        assert await disk.links.read_tag(NAME, Tag("a")) is None
    assert list((root / "entrepot/tmp").iterdir()) == []
    await disk.links.write_manifest(NAME, DIGEST, DATA, ())
    assert await load(disk, DIGEST) == DATA


async def test_without_fsync(root: Path) -> None:
    """``disk.fsync: false`` changes nothing that can be seen: wrong digests are refused all the same."""
    with open_directory(root, fsync=False) as storage:
        await store(storage, DATA)
        await storage.links.write_manifest(NAME, DIGEST, DATA, (Tag("a"),))
        upload = await storage.uploads.start(NAME, "sha256")
        await append(storage, NAME, upload, b"x")
        with pytest.raises(Exception, match="upload them again"):
            await commit(storage, NAME, upload, DIGEST)
    with open_directory(root) as storage:
        assert await load(storage, DIGEST) == DATA
        assert await storage.links.read_tag(NAME, Tag("a")) == DIGEST
