# SPDX-License-Identifier: Apache-2.0
"""What was deleted, and bringing it back. A restore is a push of what is still there, under the same intent."""

from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.index.deeds import Deed
from entrepot.index.facts import LargeManifest, Name
from entrepot.index.history import Move as Move  # noqa: PLC0414 - part of what we hand out
from entrepot.index.index import Index
from entrepot.index.trash import Trashed as Trashed  # noqa: PLC0414 - as above
from entrepot.oci.callers import Caller
from entrepot.oci.digests import Digest
from entrepot.oci.errors import ManifestUnknown, NameUnknown, NotRestorable
from entrepot.oci.manifests import Manifest, parse_manifest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.blobs import Blobs
from entrepot.registry.manifests import Manifests
from entrepot.registry.settings import ValidationSettings
from entrepot.registry.truths import describe
from entrepot.registry.validation import require
from entrepot.storage.ports import Storage

PAGE = 500
"""Entries read at a time."""

NEWEST = 1 << 62
"""Above the number of every move."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What is there again."""

    digest: Digest
    tags: tuple[Tag, ...]


class Trash:
    """The trash and the history of all repositories."""

    def __init__(
        self, storage: Storage, index: Index, blobs: Blobs, manifests: Manifests, validation: ValidationSettings
    ) -> None:
        self._storage = storage
        self._index = index
        self._blobs = blobs
        self._manifests = manifests
        self._validation = validation

    async def page(self, name: RepositoryName, last: str, limit: int) -> list[Trashed]:
        """Manifests in the trash of a repository, by digest, after ``last``."""
        return await self._index.trash.page(name, last, limit)

    async def tags_lost(self, name: RepositoryName, entries: Sequence[Trashed]) -> list[list[Tag]]:
        """For each entry of a repository the tags that went with it, in order."""
        return await self._index.history.tags_lost(name, [(entry.digest, entry.trashed_at) for entry in entries])

    async def history(self, name: RepositoryName, tag: Tag, before: int, limit: int) -> list[Move]:
        """Moves of a tag with numbers below ``before``, the newest first."""
        return await self._index.history.of_tag(name, tag, before, limit)

    async def restore_tag(self, name: RepositoryName, tag: Tag, digest: Digest | None, caller: Caller) -> Restored:
        """Point a deleted or overwritten tag to ``digest``; None: to what it pointed to before its last move.

        Raises ``ManifestUnknown`` where that is not known or gone, ``NotRestorable`` where blobs of it are.
        """
        wanted = digest or await self._before(name, tag)
        await self._bring_back(name, wanted, (tag,), Deed("restore", caller))
        return Restored(wanted, (tag,))

    async def restore_manifest(self, name: RepositoryName, digest: Digest, caller: Caller) -> Restored:
        """Bring a manifest back with the tags that went with it and that nobody has set since. Raises the same."""
        entry = await self._index.trash.get(name, digest)
        if entry is None or entry.purged:
            raise ManifestUnknown(f"{digest} is not in the trash of {name}")
        return await self._restore(entry, Deed("restore", caller))

    async def restore_repository(self, name: RepositoryName, caller: Caller) -> list[Restored]:
        """Undo the last deletion in this repository. Raises ``NameUnknown`` where its trash is empty."""
        entries: list[Trashed] = []
        last = ""
        while page := await self._index.trash.page(name, last, PAGE):
            entries += page
            last = page[-1].digest
        if not entries:
            raise NameUnknown(f"there is nothing in the trash of {name}")
        newest = max(entry.trashed_at for entry in entries)
        deed = Deed("restore", caller)
        return [await self._restore(entry, deed) for entry in entries if entry.trashed_at == newest]

    async def _before(self, name: RepositoryName, tag: Tag) -> Digest:
        for move in await self._index.history.of_tag(name, tag, NEWEST, 1):
            if move.old is not None:
                return move.old
        raise ManifestUnknown(f"nothing is known of what {name}:{tag} pointed to before; name a digest")

    async def _restore(self, entry: Trashed, deed: Deed) -> Restored:
        [lost] = await self.tags_lost(entry.repository, [entry])
        links = self._storage.links
        tags = tuple([tag for tag in lost if await links.read_tag(entry.repository, tag) is None])
        await self._bring_back(entry.repository, entry.digest, tags, deed)
        return Restored(entry.digest, tags)

    async def _bring_back(self, name: RepositoryName, digest: Digest, tags: tuple[Tag, ...], deed: Deed) -> None:
        """With its children that are in the trash, these first; all or, where something is missing, none."""
        manifests = await self._gather(name, digest)
        coming = {manifest.digest for manifest in manifests}
        needed = dict.fromkeys(pin for manifest in manifests for pin in require(manifest, self._validation))
        missing = [pin.name for pin in needed if not await self._is_there(name, pin, coming)]
        if missing:
            raise NotRestorable(missing)
        for manifest in manifests:
            for blob in describe(manifest).blobs:
                if not await self._is_held(name, blob):
                    await self._blobs.relink(name, blob, deed)
            await self._manifests.keep(name, manifest, tags if manifest.digest == digest else (), deed)

    async def _gather(self, name: RepositoryName, digest: Digest) -> list[Manifest]:
        manifest = await self._read(name, digest)
        found: dict[Digest, Manifest] = {}
        for child in describe(manifest).children:
            here = await self._storage.links.has_revision(name, child)
            if not here and await self._index.trash.get(name, child):
                found.update((one.digest, one) for one in await self._gather(name, child))
        return [*found.values(), manifest]

    async def _read(self, name: RepositoryName, digest: Digest) -> Manifest:
        linked = await self._storage.links.has_revision(name, digest)
        stored = await self._index.lookups.load(LargeManifest(digest))
        entry = await self._index.trash.get(name, digest)
        kept = linked if entry is None else not entry.purged
        if stored is None or not kept:
            raise ManifestUnknown(f"{digest} is neither in {name} nor in its trash: it cannot be restored any more")
        return parse_manifest(stored.payload, stored.media_type, digest)

    async def _is_there(self, name: RepositoryName, pin: Name, coming: set[Digest]) -> bool:
        """Whether the repository holds it, or can again."""
        digest = Digest(pin.name)
        if pin.kind == "manifest":
            return digest in coming or await self._storage.links.has_revision(name, digest)
        return await self._is_held(name, digest) or await self._storage.blobs.stat(digest) is not None

    async def _is_held(self, name: RepositoryName, digest: Digest) -> bool:
        held = await self._index.lookups.blob(name, digest)
        return held is not None and await self._storage.blobs.stat(held.content) == held.size
