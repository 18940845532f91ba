# SPDX-License-Identifier: Apache-2.0
"""Manifests and the tags that point to them: pulled, pushed, removed."""

import asyncio
from collections.abc import Sequence

from entrepot.index.changes import PinsMissing
from entrepot.index.deeds import Deed
from entrepot.index.facts import Change, LargeManifest, ManifestTruth, Name, StoredManifest, TagTruth, Truth
from entrepot.index.index import Index
from entrepot.oci.callers import THE_REGISTRY, Caller
from entrepot.oci.digests import Digest
from entrepot.oci.errors import ManifestBlobUnknown, ManifestUnknown, Unsupported
from entrepot.oci.manifests import Manifest, parse_manifest
from entrepot.oci.names import Reference, RepositoryName, Tag
from entrepot.registry.adoption import Adoption
from entrepot.registry.asking import ask_for_collection
from entrepot.registry.names import Held, Names
from entrepot.registry.settings import RegistrySettings
from entrepot.registry.truths import describe
from entrepot.registry.validation import require
from entrepot.storage.ports import Storage

LARGE = 64 * 1024
"""Bytes of a payload from which it is parsed in a thread."""

PulledManifest = StoredManifest
"""What a pull gets."""


class Manifests:
    """The manifests of all repositories."""

    def __init__(
        self, storage: Storage, index: Index, names: Names, adoption: Adoption, settings: RegistrySettings
    ) -> None:
        self._storage = storage
        self._index = index
        self._names = names
        self._adoption = adoption
        self._settings = settings

    async def peek(self, name: RepositoryName, reference: Reference) -> StoredManifest | None:
        """What the index can tell in microseconds; where it is None, :meth:`get` may still find it."""
        found = await self._look_up(name, reference)
        return found if isinstance(found, StoredManifest) else None

    async def get(self, name: RepositoryName, reference: Reference) -> StoredManifest:
        """The manifest, or ``ManifestUnknown``. What only storage knows is told to the index."""
        found = await self._look_up(name, reference) or await self._repair(name, reference)
        if isinstance(found, LargeManifest):
            found = await self._index.lookups.load(found)
        if found is None:
            raise _unknown(name, reference)
        return found

    async def put(
        self,
        name: RepositoryName,
        reference: Reference,
        tags: Sequence[Tag],
        content_type: str,
        payload: bytes,
        caller: Caller = THE_REGISTRY,
    ) -> Manifest:
        """Keep a manifest, and point ``reference`` (where it is a tag) and ``tags`` to it. Durable on return."""
        digest = reference if isinstance(reference, Digest) else None
        manifest = await _parse(payload, content_type, digest)
        pointing = tuple(dict.fromkeys((*tags, reference) if isinstance(reference, Tag) else tags))
        await self.keep(name, manifest, pointing, Deed("push", caller))
        return manifest

    async def keep(self, name: RepositoryName, manifest: Manifest, tags: tuple[Tag, ...], deed: Deed) -> None:
        """Keep a manifest and point ``tags`` to it. Raises ``ManifestBlobUnknown`` where it needs what is not here."""
        change = Change(
            repository=name,
            names=(Name("manifest", manifest.digest), *(Name("tag", tag) for tag in tags)),
            pins=require(manifest, self._settings.validation),
        )
        await self._storage.health.check()
        try:
            await self._write(change, manifest, tags, deed)
        except PinsMissing as error:
            kept = await self._kept(name, error.missing)
            if not kept:
                raise ManifestBlobUnknown([pin.name for pin in error.missing]) from error
            await self._names.repair(name, kept)
            try:
                await self._write(change, manifest, tags, deed)
            except PinsMissing as still:
                raise ManifestBlobUnknown([pin.name for pin in still.missing]) from still

    async def remove(
        self, name: RepositoryName, digest: Digest, caller: Caller = THE_REGISTRY, *, purge: bool = False
    ) -> float | None:
        """Remove a manifest with all tags that point to it. Raises ``ManifestUnknown``.

        It can be restored for ``trash.age``, unless ``purge``, which also takes what lies in the trash already. Returns
        until when, in Unix seconds; None: not at all.
        """
        self._require_delete()
        await self._adoption.complete(name)
        deed = self._deletion(caller, purge=purge)
        found = await self.remove_all(name, [digest], deed)
        if not found and not (purge and await self._forget_trashed(name, digest)):
            raise _unknown(name, digest)
        if purge:
            await ask_for_collection(self._index)
        return deed.due

    async def _forget_trashed(self, name: RepositoryName, digest: Digest) -> bool:
        """Whether a manifest that was removed before lay in the trash; it cannot be restored any more."""
        entry = await self._index.trash.get(name, digest)
        if entry is not None:
            await self._index.trash.forget([entry])
        return entry is not None

    async def remove_all(self, name: RepositoryName, digests: Sequence[Digest], deed: Deed) -> list[Digest]:
        """Remove manifests with all tags that point to them; gives those that were there. The index must know all of
        this repository.
        """
        while True:
            tags = await self._tags_of(name, digests)
            names = [*(Name("manifest", digest) for digest in digests), *(Name("tag", tag) for tag in tags)]
            async with self._names.hold(Change(name, tuple(names), removes=True), deed) as held:
                found = await self._remove(held, digests, tags, deed)
            if found is not None:
                return found

    async def untag(
        self, name: RepositoryName, tag: Tag, caller: Caller = THE_REGISTRY, *, purge: bool = False
    ) -> float | None:
        """Remove a tag; its siblings stay. Raises ``ManifestUnknown``.

        A manifest that nothing keeps alive then goes to the trash, with those that it alone kept alive.
        Returns until when they can be restored, in Unix seconds; None: not at all (``purge``).
        """
        self._require_delete()
        await self._adoption.complete(name)  # or an index or tag that nobody asked for yet would count as absent
        deed = self._deletion(caller, purge=purge)
        async with self._names.hold(Change(name, (Name("tag", tag),), removes=True), deed) as held:
            if await self._storage.links.read_tag(name, tag) is None:
                held.finish(TagTruth(tag, None))
                raise _unknown(name, tag)
            await self._storage.links.remove_tags(name, [tag])
            held.finish(TagTruth(tag, None), deed=deed)
        if purge:
            await ask_for_collection(self._index)
        return deed.due

    def _deletion(self, caller: Caller, *, purge: bool) -> Deed:
        return Deed("delete", caller, 0 if purge else self._settings.trash_age)

    async def _tags_of(self, name: RepositoryName, digests: Sequence[Digest]) -> list[Tag]:
        return [tag for digest in digests for tag in await self._index.lists.tags_of(name, digest)]

    async def _write(self, change: Change, manifest: Manifest, tags: tuple[Tag, ...], deed: Deed) -> None:
        name, digest = change.repository, manifest.digest
        async with self._storage.locks.share(digest), self._names.hold(change) as held:
            await self._storage.links.write_manifest(name, digest, manifest.payload, tags)
            pointing = [TagTruth(tag, digest) for tag in tags]
            held.finish(ManifestTruth(digest, describe(manifest)), *pointing, deed=deed)

    async def _kept(self, name: RepositoryName, missing: Sequence[Name]) -> list[Name]:
        """Those of ``missing`` that storage holds all the same. Repairing a name takes a transaction, and a manifest
        can name 20,000 that nobody has.
        """
        links = self._storage.links
        kept = []
        for position, pin in enumerate(missing):
            digest = Digest(pin.name)
            found = links.has_revision(name, digest) if pin.kind == "manifest" else links.read_layer(name, digest)
            if await found:
                kept.append(pin)
            if position % 100 == 99:
                await asyncio.sleep(0)
        return kept

    async def _remove(self, held: Held, digests: Sequence[Digest], tags: list[Tag], deed: Deed) -> list[Digest] | None:
        """While manifests are held no tag can be pointed to them: so if the tags are still those, they are all.

        None where they are not.
        """
        name, links = held.repository, self._storage.links
        if await self._tags_of(name, digests) != tags:
            held.finish()
            return None
        found = [digest for digest in digests if await links.has_revision(name, digest)]
        gone = [ManifestTruth(digest, None) for digest in digests]
        if not found:
            held.finish(*gone)
            return found
        await links.remove_tags(name, tags)
        await links.remove_revisions(name, digests)
        untagged: list[Truth] = [TagTruth(tag, None) for tag in tags]
        held.finish(*untagged, *gone, deed=deed)
        return found

    async def _look_up(self, name: RepositoryName, reference: Reference) -> StoredManifest | LargeManifest | None:
        if isinstance(reference, Digest):
            return await self._index.lookups.manifest_by_digest(name, reference)
        return await self._index.lookups.manifest_by_tag(name, reference)

    def _require_delete(self) -> None:
        if not self._settings.delete_enabled:
            raise Unsupported("deleting is switched off (storage.delete.enabled)")

    async def _repair(self, name: RepositoryName, reference: Reference) -> StoredManifest | LargeManifest | None:
        if isinstance(reference, Digest):
            if not await self._storage.links.has_revision(name, reference):
                return None
            await self._names.repair(name, (Name("manifest", reference),))
        else:
            if await self._storage.links.read_tag(name, reference) is None:
                return None
            await self._names.repair(name, (Name("tag", reference),))
        return await self._look_up(name, reference)


async def _parse(payload: bytes, content_type: str, digest: Digest | None) -> Manifest:
    """A large one in a thread: 4 MiB take up to 0.2 s."""
    if len(payload) <= LARGE:
        return parse_manifest(payload, content_type, digest)
    return await asyncio.to_thread(parse_manifest, payload, content_type, digest)


def _unknown(name: RepositoryName, reference: Reference) -> ManifestUnknown:
    if isinstance(reference, Digest):
        return ManifestUnknown({"Name": name, "Revision": reference})
    return ManifestUnknown({"Name": name, "Tag": reference})
