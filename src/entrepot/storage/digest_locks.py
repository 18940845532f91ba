# SPDX-License-Identifier: Apache-2.0
"""Locks on digests: whoever brings bytes or a link to them shares, who removes them claims (design "The collector").

One byte of one file stands for each digest, locked with Linux's open file description locks: they die with their
process, belong to no thread, and leave nothing behind, where a lock file for each digest would have to be removed.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import struct
import time
from collections.abc import AsyncIterator, Callable, Sequence

from entrepot.oci.digests import Digest
from entrepot.oci.errors import Unavailable
from entrepot.storage import layout
from entrepot.storage.files import Files, translated
from entrepot.storage.steps import open_lock

PATIENCE = 10.0
"""Seconds that a push waits for bytes that are being removed, before 503."""

_FLOCK = struct.Struct("hhqqi4x")
"""``struct flock`` on 64-bit Linux: type, whence, start, length, process (0 for these locks)."""


async def wait_for(free: Callable[[], bool]) -> None:
    """Ask until ``free``. Raises ``Unavailable`` after :data:`PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    pause = 0.001
    while not free():
        if time.monotonic() > deadline:
            raise Unavailable("the same blob is being removed; try again", retry_after=5)
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.05)


class FilesystemDigestLocks:
    """The ``DigestLocks`` contract."""

    def __init__(self, files: Files) -> None:
        self._files = files

    @contextlib.asynccontextmanager
    async def share(self, digest: Digest) -> AsyncIterator[None]:
        descriptor = self._open()
        try:
            await wait_for(lambda: _lock(descriptor, fcntl.F_RDLCK, digest))
            yield
        finally:
            os.close(descriptor)

    @contextlib.asynccontextmanager
    async def claim(self, digests: Sequence[Digest]) -> AsyncIterator[frozenset[Digest]]:
        descriptor = self._open()
        try:
            yield frozenset(digest for digest in digests if _lock(descriptor, fcntl.F_WRLCK, digest))
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        with translated():
            return open_lock(self._files.absolute(layout.DIGEST_LOCKS))


def _lock(descriptor: int, kind: int, digest: Digest) -> bool:
    """Lock the digest's byte, its place made of 60 of its bits; False where another holds it otherwise."""
    place = int(digest.hex[:15], 16)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, place, 1, 0))
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            return False
        raise
    return True
