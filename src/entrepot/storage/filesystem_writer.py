# SPDX-License-Identifier: Apache-2.0
"""The one writer of an upload on a filesystem (design "Receiving", "Commit")."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from entrepot.oci.digests import Digest
from entrepot.oci.errors import DigestInvalid, RegistryError
from entrepot.oci.names import RepositoryName
from entrepot.storage import layout
from entrepot.storage.files import Arrived, Files, NotSynced, translated
from entrepot.storage.filesystem_blobs import Space
from entrepot.storage.hashing import Record, RunningDigest, RunningDigests
from entrepot.storage.steps import open_regular, write_all_vectors
from entrepot.storage.threads import finish

GATHER = 256 * 1024
"""Bytes gathered before they are hashed and written (1 MiB costs 246 MB for 64 uploads, 256 KiB 122 MB)."""

REREAD = 1024 * 1024
"""Bytes read at a time when a digest must be made from the file."""

SMALL = 64 * 1024
"""Bytes that are hashed and written on the loop: some 50 µs, where a thread and back costs two switches and as much."""

RECORD_FROM = 1024 * 1024
"""Bytes of an upload from which the digest so far is recorded. Below, reading again takes less than a millisecond, and
a file made and removed for every small blob takes more: ext4 passes over inodes that were freed a moment ago."""

SPACE_INTERVAL = 4 * 1024 * 1024
"""Free space is looked at once for so many bytes of an upload."""


SYNC_INTERVAL = 8 * 1024 * 1024
"""Bytes after which the kernel is asked to begin writing them to the disk, while more arrive: the fsync of the commit
then has little left to wait for (100 MiB: 25 ms instead of 80)."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every upload shares. ``writing``: threads that hash and write; ``rereading``: few that read large uploads
    again, so that they hold up no other's bytes; ``syncing``: threads that wait for fsync.
    """

    files: Files
    space: Space
    writing: Executor
    rereading: Executor
    syncing: Executor
    running: RunningDigests
    boot: str


class FilesystemUploadWriter:
    """The ``UploadWriter`` contract. While a thread hashes and writes one buffer, the next one gathers."""

    def __init__(
        self, shop: Workshop, repository: RepositoryName, upload: UUID, directory: str, descriptor: int
    ) -> None:
        self._shop = shop
        self._repository = repository
        self._upload = upload
        self._directory = directory
        self._descriptor = descriptor
        self._written = os.fstat(descriptor).st_size
        self._record = Record.decode(read_side_file(f"{directory}/digests"))
        self._running = shop.running.take(upload, self._written) or self._begin()
        self._gathered: list[bytes] = []
        self._gathered_size = 0
        self._offset = self._written
        self._job: asyncio.Future[None] | None = None
        self._space_at = self._written + SPACE_INTERVAL
        self._synced = self._written
        self._open = True
        self._broken = False  # once a write failed nothing goes behind it: the bytes would not follow each other

    @property
    def offset(self) -> int:
        return self._offset

    async def write(self, chunk: bytes) -> None:
        self._gathered.append(chunk)
        self._offset += len(chunk)
        self._gathered_size += len(chunk)
        if self._gathered_size >= GATHER:
            await self._submit()

    async def commit(self, digest: Digest, trusted_size: int | None) -> int:
        await self._flush()
        if not self._knows(digest.algorithm):
            await self._on_thread(self._shop.rereading, partial(self._reread, digest.algorithm))
        actual = self._actual(digest.algorithm)
        if actual != digest:
            size = self._written
            await self.cancel()
            raise DigestInvalid(f"the digest of the {size} bytes received is {actual}, not {digest}; upload them again")
        await self._on_thread(self._shop.syncing, partial(self._publish, digest, trusted_size))
        return self._written

    async def cancel(self) -> None:
        self._open = False
        self._gathered.clear()
        try:
            await self._settle()
        except (RegistryError, OSError):
            pass  # what could not be written is not wanted any more
        finally:
            await self._on_thread(self._shop.writing, partial(shutil.rmtree, self._directory, ignore_errors=True))

    async def close(self) -> None:
        """Flush, record the digest of everything so far, let go of the lock. Errors of the disk are told."""
        try:
            if self._open:
                await self._flush()
                self._remember()
        finally:
            os.close(self._descriptor)

    def _begin(self) -> RunningDigest | None:
        if self._written == 0:
            return RunningDigest.begin(self._record.algorithms or ("sha256",))
        return None

    async def _submit(self) -> None:
        await self._settle()
        if self._offset > self._space_at:
            self._shop.space.require()
            self._space_at = self._offset + SPACE_INTERVAL
        chunks, self._gathered = self._gathered, []
        size, self._gathered_size = self._gathered_size, 0
        if size <= SMALL:
            self._append(chunks)
        else:
            loop = asyncio.get_running_loop()
            self._job = loop.run_in_executor(self._shop.writing, self._append, chunks)

    async def _settle(self) -> None:
        """Wait for the thread, cancelled or not: its file must not be closed below it."""
        job = self._job
        if job is None:
            return
        try:
            await finish(job)
        finally:
            if job.done():
                self._job = None

    async def _flush(self) -> None:
        if self._gathered and not self._broken:
            await self._submit()
        await self._settle()

    def _append(self, chunks: list[bytes]) -> None:
        try:
            with translated():
                write_all_vectors(self._descriptor, chunks)
            self._sync_ahead()
            if self._running is not None:
                for chunk in chunks:
                    self._running.update(chunk)
        except BaseException:
            self._running = None
            self._broken = True
            raise
        finally:
            self._written = os.fstat(self._descriptor).st_size

    def _sync_ahead(self) -> None:
        written = os.fstat(self._descriptor).st_size
        if written - self._synced >= SYNC_INTERVAL:
            self._shop.files.sync_ahead(self._descriptor, self._synced, written)
            self._synced = written

    def _knows(self, algorithm: str) -> bool:
        if self._running is not None:
            return algorithm in self._running.hashes
        record = self._record
        return record.offset == self._written and record.boot == self._shop.boot and algorithm in record.digests

    def _actual(self, algorithm: str) -> Digest:
        if self._running is not None:
            return self._running.digests()[algorithm]
        return self._record.digests[algorithm]

    def _reread(self, algorithm: str) -> None:
        running = RunningDigest.begin((algorithm,))
        while chunk := os.pread(self._descriptor, REREAD, running.offset):
            running.update(chunk)
        self._running = running

    def _publish(self, digest: Digest, trusted_size: int | None) -> None:
        files = self._shop.files
        link = (layout.layer_link(self._repository, digest), digest.encode())
        data = (layout.blob_data(digest), Arrived(f"{self._directory}/data", self._descriptor))
        with translated():
            there = self._settle_existing(layout.blob_data(digest), trusted_size)
            try:
                files.write_in_order([link] if there else [data, link])
            except NotSynced:
                self._forget()
                raise
        self._forget()

    def _forget(self) -> None:
        self._open = False
        shutil.rmtree(self._directory, ignore_errors=True)

    def _settle_existing(self, key: str, trusted_size: int | None) -> bool:
        """Whether the blob is there already, verified before and of the right size: then it is only made durable."""
        files = self._shop.files
        return trusted_size == self._written == files.size(key) and files.settle(key)

    def _remember(self) -> None:
        if self._running is None or self._running.offset != self._written:
            return
        if self._written >= RECORD_FROM:
            record = Record(self._written, self._shop.boot, tuple(self._running.hashes), self._running.digests())
            with contextlib.suppress(OSError):
                write_side_file(f"{self._directory}/digests", record.encode())
        self._shop.running.keep(self._upload, self._running)

    async def _on_thread(self, pool: Executor, work: Callable[[], None]) -> None:
        await finish(asyncio.get_running_loop().run_in_executor(pool, work))


def write_side_file(path: str, data: bytes) -> None:
    """A small file beside an upload; like the upload it need not survive a power cut."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def read_side_file(path: str) -> bytes | None:
    """What :func:`write_side_file` wrote, or None."""
    descriptor = open_regular(path)
    if descriptor is None:
        return None
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
