# SPDX-License-Identifier: Apache-2.0
"""The end of an upload: verified and shown whole, or gone and never shown."""

import asyncio
import os

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUploadUnknown, DigestInvalid
from entrepot.storage.ports import Storage
from support.rooms import NAME, OTHER, Workers, append, commit, load, store, visible

DATA = os.urandom(700_000)
ALGORITHMS = ["sha256", "sha512"]


@pytest.mark.parametrize("announced", ALGORITHMS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("data", [b"", b"x", DATA], ids=["empty", "small", "large"])
async def test_any_algorithm(storage: Storage, data: bytes, algorithm: str, announced: str) -> None:
    """Bytes are shown under the digest that was asked for, whichever algorithm was announced at the start."""
    digest = Digest.of(data, algorithm)
    assert await visible(storage, [digest]) == [False]
    assert await store(storage, data, algorithm=algorithm, announced=announced) == digest
    assert await load(storage, digest) == data


async def test_shown_under_that_digest_alone(storage: Storage) -> None:
    """sha512 content lies under its sha512 digest, not under sha256 as well."""
    await store(storage, DATA, algorithm="sha512")
    assert await visible(storage, [Digest.of(DATA), Digest.of(DATA, "sha512")]) == [False, True]


async def test_not_shown_before(workers: Workers) -> None:
    """Until the commit no worker sees the blob; after it the upload is gone."""
    digest = Digest.of(DATA)
    upload = await workers.first.uploads.start(NAME, "sha256")
    await append(workers.first, NAME, upload, DATA)
    assert await visible(workers.second, [digest]) == [False]
    await commit(workers.first, NAME, upload, digest)
    assert await visible(workers.second, [digest]) == [True]
    assert await workers.second.uploads.status(NAME, upload) is None
    for storage in (workers.first, workers.second):
        with pytest.raises(BlobUploadUnknown):
            await commit(storage, NAME, upload, digest)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_wrong_digest(workers: Workers, algorithm: str) -> None:
    """A body without its digest: the upload is gone, neither digest was ever shown, and the detail names both."""
    wrong, right = Digest.of(b"other", algorithm), Digest.of(DATA, algorithm)
    upload = await workers.first.uploads.start(NAME, algorithm)
    await append(workers.first, NAME, upload, DATA)
    assert await workers.first.uploads.status(NAME, upload) is not None
    with pytest.raises(DigestInvalid, match=f"{right}.*{wrong}"):
        await commit(workers.second, NAME, upload, wrong)
    assert await workers.first.uploads.status(NAME, upload) is None
    assert await visible(workers.first, [wrong, right]) == [False, False]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("announced", ALGORITHMS)
async def test_chunks_on_two_workers(workers: Workers, algorithm: str, announced: str) -> None:
    """Chunks of one upload may land on any worker in turn, and the commit on any."""
    upload = await workers.first.uploads.start(NAME, announced)
    for number, start in enumerate(range(0, len(DATA), 100_000)):
        storage = workers.second if number % 3 else workers.first
        await append(storage, NAME, upload, DATA[start : start + 70_000], DATA[start + 70_000 : start + 100_000])
    await commit(workers.first, NAME, upload, Digest.of(DATA, algorithm))
    assert await load(workers.second, Digest.of(DATA, algorithm)) == DATA


async def test_bytes_in_the_closing_request(workers: Workers) -> None:
    """What is written by the request that commits counts."""
    upload = await workers.first.uploads.start(NAME, "sha256")
    await append(workers.first, NAME, upload, DATA[:-10])
    async with workers.second.uploads.open(NAME, upload) as writer:
        await writer.write(DATA[-10:])
        assert await writer.commit(Digest.of(DATA), None) == len(DATA)
    assert await load(workers.first, Digest.of(DATA)) == DATA


@pytest.mark.parametrize("trusted", [True, False])
async def test_again(workers: Workers, trusted: bool) -> None:
    """A blob that exists may be pushed again, trusted or not, and stays what it is."""
    digest = await store(workers.first, DATA)
    upload = await workers.second.uploads.start(OTHER, "sha256")
    await append(workers.second, OTHER, upload, DATA)
    await commit(workers.second, OTHER, upload, digest, len(DATA) if trusted else None)
    assert await workers.first.uploads.status(OTHER, upload) is None
    assert await load(workers.first, digest) == DATA


@pytest.mark.parametrize("there", [b"wrong", b"x" * len(DATA)], ids=["other size", "same size"])
async def test_wrong_bytes_are_replaced(storage: Storage, there: bytes) -> None:
    """Bytes under the digest that nobody verified are replaced by those that were."""
    digest = Digest.of(DATA)
    await storage.links.write_manifest(NAME, digest, there, ())
    assert await load(storage, digest) == there
    await store(storage, DATA)
    assert await load(storage, digest) == DATA


async def test_trusted_of_another_size_is_replaced(storage: Storage) -> None:
    """Where the bytes there are not of the size that was verified, they are written again."""
    digest = Digest.of(DATA)
    await storage.links.write_manifest(NAME, digest, b"cut off", ())
    upload = await storage.uploads.start(NAME, "sha256")
    await append(storage, NAME, upload, DATA)
    await commit(storage, NAME, upload, digest, len(DATA))
    assert await load(storage, digest) == DATA


async def test_trusted_but_gone_is_written(storage: Storage) -> None:
    """Where the bytes that were verified are not there any more, they are written again."""
    upload = await storage.uploads.start(NAME, "sha256")
    await append(storage, NAME, upload, DATA)
    await commit(storage, NAME, upload, Digest.of(DATA), len(DATA))
    assert await load(storage, Digest.of(DATA)) == DATA


async def test_one_digest_at_once(workers: Workers) -> None:
    """Commits of one digest at the same moment on two workers all succeed."""

    async def push(storage: Storage) -> int:
        upload = await storage.uploads.start(NAME, "sha256")
        await append(storage, NAME, upload, DATA)
        return await commit(storage, NAME, upload, Digest.of(DATA))

    sizes = await asyncio.gather(*(push(storage) for storage in (workers.first, workers.second) * 4))
    assert sizes == [len(DATA)] * 8
    assert await load(workers.first, Digest.of(DATA)) == DATA


async def test_one_upload_at_once(workers: Workers) -> None:
    """Of several commits of one upload exactly one succeeds, the others are told it is busy or gone."""
    upload = await workers.first.uploads.start(NAME, "sha256")
    await append(workers.first, NAME, upload, DATA)
    tries = [commit(storage, NAME, upload, Digest.of(DATA)) for storage in (workers.first, workers.second) * 3]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert [answer for answer in done if isinstance(answer, int)] == [len(DATA)]
    assert await load(workers.second, Digest.of(DATA)) == DATA
