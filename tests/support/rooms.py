# SPDX-License-Identifier: Apache-2.0
"""What tests of the inner rooms share: a storage opened as a worker opens it, bytes put in and read back."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName
from entrepot.storage.claim import claim_directory, look_at
from entrepot.storage.filesystem import open_filesystem
from entrepot.storage.settings import DiskSettings, FilesystemSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from uuid import UUID

    from entrepot.storage.ports import Storage

NAME = RepositoryName("library/box")
OTHER = RepositoryName("library/other")


@dataclass(frozen=True)
class Workers:
    """One storage as two workers have it open; where storage cannot be shared, one worker twice."""

    first: Storage
    second: Storage


@contextlib.contextmanager
def open_directory(root: Path, *, reserve: int = 0, fsync: bool = True) -> Iterator[Storage]:
    """The storage in a directory, made where it is missing, as one worker has it open."""
    if not (root / "entrepot").is_dir():
        with claim_directory(root):
            pass
    with open_filesystem(
        FilesystemSettings(root), DiskSettings(reserve=reserve, fsync=fsync), look_at(root)
    ) as storage:
        yield storage


async def append(storage: Storage, name: RepositoryName, upload: UUID, *chunks: bytes) -> int:
    """Write to an upload as one PATCH does; gives its new offset."""
    async with storage.uploads.open(name, upload) as writer:
        for chunk in chunks:
            await writer.write(chunk)
    return writer.offset


async def commit(
    storage: Storage, name: RepositoryName, upload: UUID, digest: Digest, trusted_size: int | None = None
) -> int:
    """End an upload as an empty PUT does; gives the size."""
    async with storage.uploads.open(name, upload) as writer:
        return await writer.commit(digest, trusted_size)


async def store(
    storage: Storage, data: bytes, *, name: RepositoryName = NAME, algorithm: str = "sha256", announced: str = "sha256"
) -> Digest:
    """Upload ``data`` whole; gives its digest."""
    digest = Digest.of(data, algorithm)
    upload = await storage.uploads.start(name, announced)
    await append(storage, name, upload, data)
    await commit(storage, name, upload, digest)
    return digest


async def load(storage: Storage, digest: Digest, start: int = 0, end: int | None = None) -> bytes:
    """The bytes under a digest."""
    size = await storage.blobs.stat(digest) or 0
    return b"".join([chunk async for chunk in storage.blobs.read(digest, start, size if end is None else end)])


async def visible(storage: Storage, digests: Sequence[Digest]) -> list[bool]:
    """Which of these are there."""
    return [await storage.blobs.stat(digest) is not None for digest in digests]
