# SPDX-License-Identifier: Apache-2.0
"""Blobs of repositories: found, linked, mounted, removed."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from entrepot.index.changes import NameBusy
from entrepot.index.deeds import Deed
from entrepot.index.facts import BlobTruth, Change, HeldBlob, Name
from entrepot.index.index import Index
from entrepot.oci.callers import THE_REGISTRY, Caller
from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUnknown, Unsupported
from entrepot.oci.names import RepositoryName
from entrepot.registry.names import PATIENCE, Names
from entrepot.registry.settings import RegistrySettings
from entrepot.storage.ports import Storage


@dataclass(frozen=True, slots=True)
class Blob:
    """Where to get the bytes: ``path`` of a file that a server can send, or None; then :meth:`Blobs.read`."""

    content: Digest
    size: int
    path: str | None


class Blobs:
    """The blobs of all repositories."""

    def __init__(self, storage: Storage, index: Index, names: Names, settings: RegistrySettings) -> None:
        self._storage = storage
        self._index = index
        self._names = names
        self._settings = settings

    async def find(self, name: RepositoryName, digest: Digest) -> Blob:
        """The blob, where this repository holds it; else ``BlobUnknown``. Its bytes are there: looked at each time."""
        held = await self._index.lookups.blob(name, digest)
        if held is None:
            held = await self._repair(name, digest)
        if held is None or await self._storage.blobs.stat(held.content) != held.size:
            raise BlobUnknown(digest)
        return Blob(held.content, held.size, self._storage.blobs.path(held.content))

    def read(self, blob: Blob, start: int, end: int) -> AsyncIterator[bytes]:
        """Bytes from ``start`` to ``end`` (exclusive)."""
        return self._storage.blobs.read(blob.content, start, end)

    async def find_holder(self, digest: Digest) -> RepositoryName | None:
        """Some repository that holds the blob, as far as the index knows; who asks may not be allowed to know it."""
        return await self._index.lookups.repository_with_blob(digest)

    async def mount(
        self, name: RepositoryName, digest: Digest, source: RepositoryName, caller: Caller = THE_REGISTRY
    ) -> bool:
        """Let ``name`` hold a blob that ``source`` holds; False where it does not."""
        async with self._storage.locks.share(digest):
            try:
                blob = await self.find(source, digest)
            except BlobUnknown:
                return False
            if blob.content != digest:
                return False
            await self._link(name, digest, blob.size, Deed("mount", caller, source=source))
        return True

    async def relink(self, name: RepositoryName, digest: Digest, deed: Deed) -> bool:
        """Let ``name`` hold a blob again whose bytes are still there; False where they are not."""
        async with self._storage.locks.share(digest):
            size = await self._storage.blobs.stat(digest)
            if size is not None:
                await self._link(name, digest, size, deed)
        return size is not None

    async def look(self, name: RepositoryName, digest: Digest) -> Blob:
        """As :meth:`find`, for one who may go on to push a manifest that needs it: the collector lets it be for a while
        longer, although no manifest may name it yet.
        """
        blob = await self.find(name, digest)
        before = time.time() - self._settings.touch_interval
        if not self._settings.readonly and await self._index.blobs.is_neglected(name, digest, before):
            deadline, attempt = time.monotonic() + PATIENCE, 0
            while not await self._touch(name, digest, deadline, attempt):
                attempt += 1
        return blob

    async def _touch(self, name: RepositoryName, digest: Digest, deadline: float, attempt: int) -> bool:
        """False where it is just being removed: ask again then. Raises ``BlobUnknown`` where it was."""
        try:
            touched = await self._index.blobs.touch(name, digest)
        except NameBusy as busy:
            await self._names.wait(busy, deadline, attempt)
            return False
        if not touched:
            raise BlobUnknown(digest)
        return True

    async def _link(self, name: RepositoryName, digest: Digest, size: int, deed: Deed) -> None:
        verified = await self._index.lookups.verified_size(digest) == size
        await self._storage.links.write_layer(name, digest)
        await self.record(name, digest, HeldBlob(digest, size, verified), deed)

    async def record(self, name: RepositoryName, digest: Digest, held: HeldBlob, deed: Deed) -> None:
        """Tell the index of a link that was just written; written again where a removal came between."""
        deadline = time.monotonic() + PATIENCE
        attempt = 0
        while True:
            try:
                await self._index.blobs.link(name, digest, held, deed)
                if await self._storage.links.read_layer(name, digest) is not None:
                    return
            except NameBusy as busy:
                await self._names.wait(busy, deadline, attempt)
                attempt += 1
            await self._storage.links.write_layer(name, digest)

    async def remove(self, name: RepositoryName, digest: Digest, caller: Caller = THE_REGISTRY) -> None:
        """``name`` holds the blob no more; others keep theirs, and the bytes stay for the collector."""
        if not self._settings.delete_enabled:
            raise Unsupported("deleting is switched off (storage.delete.enabled)")
        async with self._names.hold(Change(name, (Name("blob", digest),), removes=True)) as held:
            if await self._storage.links.read_layer(name, digest) is None:
                held.finish(BlobTruth(digest, None))
                raise BlobUnknown(digest)
            await self._storage.links.remove_layers(name, [digest])
            held.finish(BlobTruth(digest, None), deed=Deed("delete", caller))

    async def _repair(self, name: RepositoryName, digest: Digest) -> HeldBlob | None:
        if await self._storage.links.read_layer(name, digest) is None:
            return None
        await self._names.repair(name, (Name("blob", digest),))
        return await self._index.lookups.blob(name, digest)
