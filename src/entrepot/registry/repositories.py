# SPDX-License-Identifier: Apache-2.0
"""Whole repositories."""

import time
from functools import partial

from entrepot.index.deeds import Deed
from entrepot.index.facts import BlobTruth, Change, Name, TagTruth
from entrepot.index.index import Index
from entrepot.oci.callers import Caller
from entrepot.oci.errors import NameUnknown, Unsupported
from entrepot.oci.names import RepositoryName
from entrepot.registry.adoption import Adoption
from entrepot.registry.asking import ask_for_collection
from entrepot.registry.events import Describer
from entrepot.registry.manifests import Manifests
from entrepot.registry.names import Names
from entrepot.registry.settings import RegistrySettings
from entrepot.storage.ports import Storage, UploadBusy

BATCH = 100
"""Names that go in one change: others wait for the index for some milliseconds at most."""


class Repositories:
    """Removes repositories: their manifests, blobs' links and uploads. Those nested below stay."""

    def __init__(
        self,
        storage: Storage,
        index: Index,
        names: Names,
        adoption: Adoption,
        manifests: Manifests,
        settings: RegistrySettings,
    ) -> None:
        self._storage = storage
        self._index = index
        self._names = names
        self._adoption = adoption
        self._manifests = manifests
        self._settings = settings
        self._describer = Describer(settings.events)

    async def remove(self, name: RepositoryName, caller: Caller, *, purge: bool = False) -> float | None:
        """Remove all that ``name`` holds; what is pushed meanwhile may stay. Raises ``NameUnknown``.

        Each batch is a change of its own: killed in between, the rest is still there and a second call goes on. The
        manifests can be restored for ``trash.age``, unless ``purge``, which empties this repository's trash too.
        Returns until when, in Unix seconds; None: not at all.
        """
        if not self._settings.delete_enabled:
            raise Unsupported("deleting is switched off (storage.delete.enabled)")
        deed = Deed("delete", caller, 0 if purge else self._settings.trash_age)
        await self._adoption.complete(name)
        known = await self._index.lists.repository_known(name)
        if not known and not (purge and await self._empty_trash(name)):
            raise NameUnknown({"name": name})
        while digests := await self._index.lists.revisions(name, "", BATCH):
            await self._manifests.remove_all(name, digests, deed)
        await self._remove_tags(name, deed)
        await self._remove_layers(name)
        for upload in await self._storage.uploads.of(name):
            try:
                await self._storage.uploads.remove(name, upload)
            except UploadBusy:
                continue  # somebody is pushing; it is purged one day
        await self._storage.links.remove_skeleton(name)
        body = self._describer.event("delete", {"repository": name}, caller, time.time_ns())
        await self._index.lists.drop_empty(name, partial(self._index.outbox.writer.add, deed.at, body, repository=name))
        if purge:
            await self._empty_trash(name)
            await ask_for_collection(self._index)
        return deed.due

    async def _empty_trash(self, name: RepositoryName) -> bool:
        """Whether anything of this repository lay in the trash; none of it can be restored any more."""
        found = False
        while entries := await self._index.trash.page(name, "", BATCH):
            await self._index.trash.forget(entries)
            found = True
        return found

    async def _remove_tags(self, name: RepositoryName, deed: Deed) -> None:
        """Those that point to nothing: the others went with their manifests."""
        while tags := await self._index.lists.tags(name, "", BATCH):
            names = tuple(Name("tag", tag) for tag in tags)
            async with self._names.hold(Change(name, names, removes=True), deed) as held:
                await self._storage.links.remove_tags(name, tags)
                held.finish(*(TagTruth(tag, None) for tag in tags), deed=deed)

    async def _remove_layers(self, name: RepositoryName) -> None:
        while layers := await self._index.lists.layers(name, "", BATCH):
            digests = [digest for digest, _ in layers]
            names = tuple(Name("blob", digest) for digest in digests)
            async with self._names.hold(Change(name, names, removes=True)) as held:
                await self._storage.links.remove_layers(name, digests)
                held.finish(*(BlobTruth(digest, None) for digest in digests))
