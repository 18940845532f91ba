# SPDX-License-Identifier: Apache-2.0
"""Blobs on a filesystem, and whether that filesystem can be used."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Protocol, TypeVar

from entrepot.oci.digests import HEX_LENGTHS, Digest
from entrepot.oci.errors import BlobUnknown, StorageFull, Unavailable
from entrepot.storage import layout
from entrepot.storage.files import Files, translated
from entrepot.storage.threads import finish

READ_SIZE = 512 * 1024
"""Bytes read at a time for a part of a blob; whole blobs are sent by the server itself, by path."""


SMALL = 64 * 1024
"""Bytes that are read on the loop: less than a hop to a thread and back."""


_HEX = frozenset("0123456789abcdef")

Result = TypeVar("Result")


class FilesystemBlobs:
    """The ``Blobs`` contract."""

    def __init__(self, files: Files, pool: Executor) -> None:
        self._files = files
        self._pool = pool

    async def stat(self, digest: Digest) -> int | None:
        with translated():
            return self._files.size(layout.blob_data(digest))

    def path(self, digest: Digest) -> str | None:
        return self._files.absolute(layout.blob_data(digest))

    async def read(self, digest: Digest, start: int, end: int) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        with translated():
            descriptor = self._files.open(layout.blob_data(digest))
        if descriptor is None:
            raise BlobUnknown(digest)
        try:
            while start < end:
                size = min(READ_SIZE, end - start)
                with translated():
                    if size <= SMALL:
                        chunk = os.pread(descriptor, size, start)
                    else:
                        chunk = await finish(loop.run_in_executor(self._pool, os.pread, descriptor, size, start))
                if not chunk:
                    raise Unavailable(f"the bytes of {digest} end early; look with: entrepot fsck")
                start += len(chunk)
                yield chunk
        finally:
            os.close(descriptor)

    async def remove(self, digests: Sequence[Digest]) -> None:
        keys = [layout.blob_data(digest) for digest in digests]
        await self._run(lambda: self._files.remove(keys))

    async def walk(self) -> AsyncIterator[tuple[Digest, int]]:
        for algorithm in HEX_LENGTHS:
            for byte in range(256):
                for found in await self._run(partial(self._list, algorithm, f"{byte:02x}")):
                    yield found

    def _list(self, algorithm: str, slice_: str) -> list[tuple[Digest, int]]:
        found = []
        try:
            names = sorted(os.listdir(self._files.absolute(f"{layout.BLOBS}/{algorithm}/{slice_}")))
        except (FileNotFoundError, NotADirectoryError):
            self._files.require_root()
            return []
        for name in names:
            if len(name) != HEX_LENGTHS[algorithm] or not name.startswith(slice_) or not _HEX.issuperset(name):
                continue
            digest = Digest(f"{algorithm}:{name}")
            size = self._files.size(layout.blob_data(digest))
            if size is not None:
                found.append((digest, size))
        return found

    async def _run(self, work: Callable[[], Result]) -> Result:
        def guarded() -> Result:
            with translated():
                return work()

        return await finish(asyncio.get_running_loop().run_in_executor(self._pool, guarded))


class Space(Protocol):
    """Asked before bytes are taken in."""

    def require(self) -> None:
        """Raises ``StorageFull`` where less than the reserve is free."""
        ...


class FilesystemHealth:
    """The ``Health`` contract, and the reserve: uploads stop while index and deletes still can write."""

    def __init__(self, files: Files, reserve: int) -> None:
        self._files = files
        self._reserve = reserve

    async def check(self) -> None:
        self.require()
        with translated():
            if not os.access(self._files.root, os.W_OK):
                raise Unavailable(f"the data directory {self._files.root} cannot be written")

    async def check_reading(self) -> None:
        self._files.require_root()
        with translated():
            if not os.access(self._files.root, os.R_OK | os.X_OK):
                raise Unavailable(f"the data directory {self._files.root} cannot be read")

    def require(self) -> None:
        """Raises ``Unavailable`` where the data directory is gone, ``StorageFull`` where too little of it is free."""
        self._files.require_root()
        with translated():
            free = os.statvfs(self._files.root)
        if free.f_bavail * free.f_frsize < self._reserve:
            raise StorageFull(
                f"less than the reserve of {self._reserve >> 20} MiB is free on the disk of the registry "
                "(disk.reserve); free space there"
            )
