# SPDX-License-Identifier: Apache-2.0
"""Uploads: begun, appended to, resumed, cancelled, listed and removed."""

import asyncio
import contextlib
import os
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUploadUnknown
from entrepot.oci.names import RepositoryName
from entrepot.storage.ports import Storage, UploadBusy
from support.rooms import NAME, OTHER, Workers, append, commit, load

DATA = os.urandom(900_000)


async def test_begun(storage: Storage) -> None:
    """A new upload is empty and began just now."""
    before = datetime.now(UTC).replace(microsecond=0)
    upload = await storage.uploads.start(NAME, "sha256")
    status = await storage.uploads.status(NAME, upload)
    assert status is not None
    assert status.offset == 0
    assert before <= status.started_at <= datetime.now(UTC)


async def test_foreign_and_unknown(storage: Storage) -> None:
    """An upload belongs to its repository: for every other, and for every other id, there is none."""
    upload = await storage.uploads.start(NAME, "sha256")
    assert await storage.uploads.status(NAME, upload) is not None
    for name, other in ((OTHER, upload), (RepositoryName("library"), upload), (NAME, uuid4())):
        assert await storage.uploads.status(name, other) is None
        with pytest.raises(BlobUploadUnknown):
            await append(storage, name, other, b"x")
    assert await append(storage, NAME, upload, b"x") == 1


async def test_appending(storage: Storage) -> None:
    """Chunks of every size are appended; the writer counts what it was given, the status what is there."""
    upload = await storage.uploads.start(NAME, "sha256")
    async with storage.uploads.open(NAME, upload) as writer:
        offsets = []
        for chunk in (DATA[:1], DATA[1:1], DATA[1:300_000], DATA[300_000:]):
            await writer.write(chunk)
            offsets.append(writer.offset)
    assert offsets == [1, 1, 300_000, len(DATA)]
    status = await storage.uploads.status(NAME, upload)
    assert status is not None
    assert status.offset == len(DATA)
    assert await commit(storage, NAME, upload, Digest.of(DATA)) == len(DATA)
    assert await load(storage, Digest.of(DATA)) == DATA


async def test_resumed_after_an_error(storage: Storage) -> None:
    """What arrived before a client vanished is kept, and the upload goes on behind it."""
    upload = await storage.uploads.start(NAME, "sha256")

    async def request() -> None:
        async with storage.uploads.open(NAME, upload) as writer:
            await writer.write(DATA[:400_000])
            await writer.write(DATA[400_000:400_010])
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await request()
    status = await storage.uploads.status(NAME, upload)
    assert status is not None
    assert status.offset == 400_010
    await append(storage, NAME, upload, DATA[status.offset :])
    await commit(storage, NAME, upload, Digest.of(DATA))
    assert await load(storage, Digest.of(DATA)) == DATA


async def test_resumed_after_a_cancelled_request(storage: Storage) -> None:
    """A request that is cancelled in the middle lets go of the upload, and what it wrote is whole."""
    upload = await storage.uploads.start(NAME, "sha256")
    inside = asyncio.Event()

    async def request() -> None:
        async with storage.uploads.open(NAME, upload) as writer:
            await writer.write(DATA[:500_000])
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.ensure_future(request())
    await inside.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await append(storage, NAME, upload, DATA[500_000:]) == len(DATA)
    await commit(storage, NAME, upload, Digest.of(DATA))
    assert await load(storage, Digest.of(DATA)) == DATA


async def test_one_writer(workers: Workers) -> None:
    """While one request writes, every other is told so, on every worker; afterwards it may."""
    upload = await workers.first.uploads.start(NAME, "sha256")
    async with workers.first.uploads.open(NAME, upload) as writer:
        await writer.write(b"first")
        for storage in (workers.first, workers.second):
            with pytest.raises(UploadBusy):
                await append(storage, NAME, upload, b"second")
            with pytest.raises(UploadBusy):
                await storage.uploads.remove(NAME, upload)
    assert await append(workers.second, NAME, upload, b"second") == 11
    await commit(workers.first, NAME, upload, Digest.of(b"firstsecond"))
    assert await load(workers.second, Digest.of(b"firstsecond")) == b"firstsecond"


async def test_many_uploads_at_once(storage: Storage) -> None:
    """Uploads do not disturb each other, those of one digest included."""
    parts = [os.urandom(3000) for _ in range(8)] + [b"same"] * 8

    async def push(data: bytes) -> None:
        upload = await storage.uploads.start(NAME, "sha256")
        await append(storage, NAME, upload, data[:1000])
        await append(storage, NAME, upload, data[1000:])
        await commit(storage, NAME, upload, Digest.of(data))

    await asyncio.gather(*map(push, parts))
    assert [await load(storage, Digest.of(data)) for data in parts] == parts


async def test_cancelled(storage: Storage) -> None:
    """A cancelled upload is gone with its bytes, also after its last chunk was only gathered."""
    upload = await storage.uploads.start(NAME, "sha256")
    await append(storage, NAME, upload, DATA)
    assert await storage.uploads.status(NAME, upload) is not None
    async with storage.uploads.open(NAME, upload) as writer:
        await writer.write(b"x")
        await writer.cancel()
    assert await storage.uploads.status(NAME, upload) is None
    with pytest.raises(BlobUploadUnknown):
        await append(storage, NAME, upload, b"x")
    assert await storage.blobs.stat(Digest.of(DATA)) is None


async def test_began_before(storage: Storage) -> None:
    """Uploads are listed by when they began, of all repositories, whatever was written to them."""
    empty = await storage.uploads.start(NAME, "sha256")
    written = await storage.uploads.start(OTHER, "sha512")
    await append(storage, OTHER, written, DATA)
    now = datetime.now(UTC)
    later = [found async for found in storage.uploads.began_before(now + timedelta(seconds=2))]
    assert sorted(later) == sorted([(NAME, empty), (OTHER, written)])
    assert [found async for found in storage.uploads.began_before(now - timedelta(seconds=60))] == []


async def test_removed(storage: Storage) -> None:
    """Removing ends the upload and only that; removing what is not there is no error."""
    gone, stays = [await storage.uploads.start(NAME, "sha256") for _ in range(2)]
    assert await storage.uploads.status(NAME, gone) is not None
    for _ in range(2):
        await storage.uploads.remove(NAME, gone)
        await storage.uploads.remove(NAME, uuid4())
    assert await storage.uploads.status(NAME, gone) is None
    assert await storage.uploads.status(NAME, stays) is not None
