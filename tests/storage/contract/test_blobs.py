# SPDX-License-Identifier: Apache-2.0
"""Blobs: bytes by digest, whole or not at all."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUnknown
from entrepot.oci.names import RepositoryName
from entrepot.storage.ports import Storage
from support.rooms import Workers, load

NAME = RepositoryName("a/b")
LARGE = os.urandom(1_300_000)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("data", [b"", b"x", LARGE], ids=["empty", "small", "large"])
async def test_put_is_read_back(storage: Storage, data: bytes, algorithm: str) -> None:
    """What was put has its size and its bytes; before, it was not there."""
    digest = Digest.of(data, algorithm)
    assert await storage.blobs.stat(digest) is None
    await storage.links.write_manifest(NAME, digest, data, ())
    assert await storage.blobs.stat(digest) == len(data)
    assert await load(storage, digest) == data


@pytest.mark.parametrize(("start", "end"), [(0, 1), (7, 7), (5, 600_000), (524_287, 524_289), (1_299_999, 1_300_000)])
async def test_parts(storage: Storage, start: int, end: int) -> None:
    """Any part is read as it was put, also across the sizes in which it is read."""
    digest = Digest.of(LARGE)
    await storage.links.write_manifest(NAME, digest, LARGE, ())
    assert await load(storage, digest, start, end) == LARGE[start:end]


async def test_reading_what_is_not_there(storage: Storage) -> None:
    """Reading an unknown digest is BLOB_UNKNOWN at the first step."""
    with pytest.raises(BlobUnknown):
        await anext(storage.blobs.read(Digest.of(b"never"), 0, 1))


async def test_reading_can_be_given_up(storage: Storage) -> None:
    """A reader that goes away in the middle leaves nothing open and disturbs nobody."""
    digest = Digest.of(LARGE)
    await storage.links.write_manifest(NAME, digest, LARGE, ())
    async with contextlib.aclosing(storage.blobs.read(digest, 0, len(LARGE))) as chunks:  # type: ignore[type-var]
        assert LARGE.startswith(await anext(chunks))
    assert await load(storage, digest) == LARGE


async def test_path_holds_the_bytes(storage: Storage) -> None:
    """Where a server may send a file, that file holds the bytes."""
    digest = Digest.of(b"sent by path")
    await storage.links.write_manifest(NAME, digest, b"sent by path", ())
    path = storage.blobs.path(digest)
    assert path is None or Path(path).read_bytes() == b"sent by path"


async def test_writing_twice_and_at_once(workers: Workers) -> None:
    """Two workers may put the same bytes again and at once; readers see them whole all the time."""
    digest = Digest.of(LARGE)
    await workers.first.links.write_manifest(NAME, digest, LARGE, ())
    puts = [storage.links.write_manifest(NAME, digest, LARGE, ()) for storage in (workers.first, workers.second) * 3]
    reads = [load(storage, digest) for storage in (workers.first, workers.second) * 3]
    done = await asyncio.gather(*puts, *reads)
    assert all(data == LARGE for data in done[6:])


async def test_other_workers_see_it(workers: Workers) -> None:
    """What one worker put, another reads."""
    digest = Digest.of(b"shared")
    await workers.first.links.write_manifest(NAME, digest, b"shared", ())
    assert await load(workers.second, digest) == b"shared"


async def test_storage_is_healthy(storage: Storage) -> None:
    """A storage that can be used says so by saying nothing."""
    await storage.health.check()
    await storage.health.check_reading()
