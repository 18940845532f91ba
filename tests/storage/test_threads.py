# SPDX-License-Identifier: Apache-2.0
"""Requests that are cancelled while a thread works for them, as often as it may be."""

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from entrepot.oci.digests import Digest
from entrepot.storage.claim import claim_directory
from entrepot.storage.files import Files
from entrepot.storage.filesystem_blobs import FilesystemHealth
from entrepot.storage.filesystem_links import FilesystemLinks
from entrepot.storage.filesystem_uploads import FilesystemUploads
from entrepot.storage.filesystem_writer import SYNC_INTERVAL, Workshop
from entrepot.storage.hashing import RunningDigests
from entrepot.storage.ports import UploadWriter
from entrepot.storage.steps import identify
from entrepot.storage.threads import finish
from support.rooms import NAME

FIRST = SYNC_INTERVAL
DATA = os.urandom(FIRST + 300_000)
DIGEST = Digest.of(DATA)


class Gate:
    """Holds the threads that come to it until it is opened."""

    def __init__(self) -> None:
        self.closed = False
        self._open = threading.Event()
        self.waiting = threading.Event()

    def pass_through(self, *_: object) -> None:
        """Blocks while the gate is closed."""
        if self.closed:
            self.waiting.set()
            assert self._open.wait(20)

    def open(self) -> None:
        """Let all go on."""
        self.closed = False
        self._open.set()


class House:
    """Uploads and links whose threads stop at gates: one at each hint, one at each sync of a file."""

    def __init__(self, root: Path, pool: ThreadPoolExecutor) -> None:
        self.ahead, self.sync = Gate(), Gate()
        self.files = Files(root, self.sync.pass_through, lambda _: None, self.ahead.pass_through, identify(root))
        self.links = FilesystemLinks(self.files, pool)
        health = FilesystemHealth(self.files, 0)
        self.uploads = FilesystemUploads(
            Workshop(self.files, health, pool, pool, pool, RunningDigests(), ""), self.links
        )


@pytest.fixture
def house(root: Path) -> Iterator[House]:
    """A house in a directory of its own; its gates stand open."""
    with claim_directory(root):
        pass
    with ThreadPoolExecutor(2) as pool:
        house = House(root, pool)
        yield house
        house.ahead.open()
        house.sync.open()


async def cancel_twice(task: asyncio.Task[None], gate: Gate) -> None:
    """Cancel a task two times while its thread stands at the gate: it waits for the thread. Then the gate opens."""
    assert await asyncio.to_thread(gate.waiting.wait, 20)
    for _ in range(2):
        task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
    gate.open()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_finish_waits_however_often_it_is_cancelled() -> None:
    """The caller goes on once the job is done, and is cancelled then; the job itself is not."""
    job: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(finish(job))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    job.set_result(7)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert job.result() == 7


async def test_finish_gives_what_the_job_gave() -> None:
    """Its result, or its error; also where it was done before."""
    job: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(job.set_result, 7)
    assert await finish(job) == 7
    assert await finish(job) == 7
    failed: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    failed.set_exception(OSError("broken"))
    with pytest.raises(OSError, match="broken"):
        await finish(failed)


async def test_finish_swallows_the_error_of_a_cancelled_caller() -> None:
    """Who was cancelled hears of that, not of the job's error; and nothing is logged of an error nobody asked for."""
    job: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(finish(job))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    job.set_exception(OSError("broken"))
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_write_cancelled_twice(house: House) -> None:
    """An upload whose request is cancelled two times while a thread writes stays locked until the thread is done; what
    arrived is whole, and another request ends it.
    """
    upload = await house.uploads.start(NAME, "sha256")
    house.ahead.closed = True

    async def request() -> None:
        async with house.uploads.open(NAME, upload) as writer:
            await writer.write(DATA[:FIRST])
            await writer.write(DATA[FIRST:])

    await cancel_twice(asyncio.ensure_future(request()), house.ahead)
    async with house.uploads.open(NAME, upload) as writer:
        assert writer.offset == len(DATA)
        assert await writer.commit(DIGEST, None) == len(DATA)


@pytest.mark.parametrize("ending", ["commit", "cancel"])
async def test_an_ending_cancelled_twice(house: House, ending: str) -> None:
    """A commit or cancel that is cancelled two times while a thread still writes waits for it: a commit shows whole
    bytes or none, and a cancelled upload is gone.
    """
    upload = await house.uploads.start(NAME, "sha256")
    house.ahead.closed = True

    async def end(writer: UploadWriter) -> None:
        await (writer.commit(DIGEST, None) if ending == "commit" else writer.cancel())

    async def request() -> None:
        async with house.uploads.open(NAME, upload) as writer:
            await writer.write(DATA)
            await end(writer)

    await cancel_twice(asyncio.ensure_future(request()), house.ahead)
    status = await house.uploads.status(NAME, upload)
    assert (status and status.offset) == (len(DATA) if ending == "commit" else None)


async def test_a_publication_cancelled_twice(house: House) -> None:
    """A commit that is cancelled two times while it waits for the disk leaves once the blob and its link are there."""
    upload = await house.uploads.start(NAME, "sha256")

    async def request() -> None:
        async with house.uploads.open(NAME, upload) as writer:
            await writer.write(DATA)
            await writer.commit(DIGEST, None)

    house.sync.closed = True
    await cancel_twice(asyncio.ensure_future(request()), house.sync)
    assert await house.uploads.status(NAME, upload) is None
    assert await house.links.read_layer(NAME, DIGEST) == DIGEST


async def test_a_link_cancelled_twice(house: House) -> None:
    """Writing a link that is cancelled two times leaves once the link is there."""

    async def request() -> None:
        await house.links.write_layer(NAME, DIGEST)

    house.sync.closed = True
    await cancel_twice(asyncio.ensure_future(request()), house.sync)
    assert await house.links.read_layer(NAME, DIGEST) == DIGEST
