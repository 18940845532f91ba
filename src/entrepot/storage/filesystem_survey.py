# SPDX-License-Identifier: Apache-2.0
"""The ``Survey`` contract on a filesystem: walks in a thread, a batch at a time."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from itertools import count, islice
from typing import TypeVar

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName
from entrepot.storage import layout
from entrepot.storage.files import Files, translated
from entrepot.storage.filesystem_walk import walk_blobs, walk_oddities, walk_repositories
from entrepot.storage.oddities import Oddity
from entrepot.storage.ports import Measured, StoredBlob
from entrepot.storage.steps import open_regular, sync_directory
from entrepot.storage.threads import finish

READ_SIZE = 1024 * 1024
"""Bytes read and hashed at a time."""

BATCH = 200
"""Things found before the loop hears of them."""

Found = TypeVar("Found")


class FilesystemSurvey:
    """Reads whatever is there; what is no file is never opened, so that no pipe holds it up."""

    def __init__(self, files: Files, pool: Executor) -> None:
        self._files = files
        self._pool = pool

    def oddities(self) -> AsyncIterator[Oddity]:
        return self._gather(walk_oddities(self._files.root))

    def repositories(self) -> AsyncIterator[RepositoryName]:
        return self._gather(walk_repositories(self._files.root))

    def blobs(self) -> AsyncIterator[StoredBlob]:
        return self._gather(walk_blobs(self._files.root))

    async def measure(self, digest: Digest, report: Callable[[int], None]) -> Measured | None:
        def measure() -> Measured | None:
            descriptor = open_regular(self._files.absolute(layout.blob_data(digest)))
            if descriptor is None:
                return None
            try:
                return _measure(descriptor, digest.algorithm, report)
            finally:
                os.close(descriptor)

        return await self._run(measure)

    async def set_aside(self, digest: Digest) -> str | None:
        return await self._run(lambda: self._set_aside(digest))

    async def _gather(self, found: Iterator[Found]) -> AsyncIterator[Found]:
        while batch := await self._run(lambda: list(islice(found, BATCH))):
            for one in batch:
                yield one
        self._files.require_root()

    async def _run(self, work: Callable[[], Found]) -> Found:
        def guarded() -> Found:
            with translated():
                return work()

        return await finish(asyncio.get_running_loop().run_in_executor(self._pool, guarded))

    def _set_aside(self, digest: Digest) -> str | None:
        path = self._files.absolute(layout.blob_data(digest))
        descriptor = open_regular(path)
        if descriptor is None:
            return None
        try:
            if _measure(descriptor, digest.algorithm, lambda _: None).actual == digest:
                return None
            return self._move(digest, path, os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def _move(self, digest: Digest, path: str, wrong: os.stat_result) -> str | None:
        """Move the file ``wrong`` away. Where a push has just put right bytes in its place, those go back."""
        keys = (layout.quarantine(digest, number) for number in count(1))
        key = next(key for key in keys if not os.path.lexists(self._files.absolute(key)))
        kept = self._files.absolute(key)
        self._files.ensure_directory(os.path.dirname(kept))
        os.rename(path, kept)
        is_wrong = _same(kept, wrong)
        if not is_wrong:
            with contextlib.suppress(FileExistsError):  # then others pushed them once more, and these may stay here
                os.link(kept, path, follow_symlinks=False)
                os.unlink(kept)
        for directory in (os.path.dirname(kept), os.path.dirname(path)):
            sync_directory(directory)
        self._files.remove_empty([layout.blob_directory(digest)])
        return key if is_wrong else None


def _measure(descriptor: int, algorithm: str, report: Callable[[int], None]) -> Measured:
    running = hashlib.new(algorithm)
    size = 0
    while chunk := os.pread(descriptor, READ_SIZE, size):
        running.update(chunk)
        size += len(chunk)
        report(len(chunk))
    return Measured(Digest(f"{algorithm}:{running.hexdigest()}"), size)


def _same(path: str, known: os.stat_result) -> bool:
    """Whether ``path`` is that file; a symlink whose way does not hold from here is not."""
    try:
        return os.path.samestat(os.stat(path), known)
    except OSError:
        return False
