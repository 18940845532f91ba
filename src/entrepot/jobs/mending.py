# SPDX-License-Identifier: Apache-2.0
"""Mends what a check finds and what can be proved: from bytes whose digest is right, and by telling the index.

Nothing is deleted but the remains of a tag, which are links and no more. Wrong bytes are set aside, not removed.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from entrepot.index.facts import Change, Name
from entrepot.index.index import Index
from entrepot.oci.digests import Digest
from entrepot.oci.errors import RegistryError
from entrepot.oci.manifests import MAX_MANIFEST
from entrepot.oci.names import RepositoryName
from entrepot.registry.adoption import Adoption, take_turns
from entrepot.registry.findings import Finding, FindingKind
from entrepot.registry.names import Names
from entrepot.registry.truths import read_truth
from entrepot.storage.ports import Storage

Way = Callable[[Finding], Awaitable[Finding]]


class Mender:
    """Mends one finding after the other, each change of a name under its intent."""

    def __init__(self, storage: Storage, index: Index, names: Names, adoption: Adoption) -> None:
        self._storage = storage
        self._index = index
        self._names = names
        self._adoption = adoption
        self._compared: dict[RepositoryName, set[Name]] = {}
        self._ways: Mapping[FindingKind, Way] = {
            "remains": self._clear_remains,
            "empty-link": self._fill_link,
            "wrong-bytes": self._replace_bytes,
            "manifest-without-bytes": self._restore_manifest,
            "size-differs": self._learn_size,
            "index-differs": self._tell_index,
        }

    async def mend(self, finding: Finding) -> Finding:
        """The finding, with what was done about it; as it was where nothing can be."""
        way = self._ways.get(finding.kind)
        if way is None:
            return finding
        try:
            return await way(finding)
        except (RegistryError, OSError) as error:
            return replace(finding, done=f"could not be mended: {error}")

    async def _clear_remains(self, finding: Finding) -> Finding:
        if finding.repository is None or finding.name is None:
            return finding
        async with self._names.hold(Change(finding.repository, (finding.name,))):
            pass  # whoever leaves without an end has the name settled, which removes such remains
        return replace(finding, done="removed", remains=False)

    async def _fill_link(self, finding: Finding) -> Finding:
        """The place of a link says what it must hold; the bytes prove it. A tag's place says nothing."""
        repository, name = finding.repository, finding.name
        if repository is None or name is None or name.kind == "tag":
            return finding
        measured = await self._storage.survey.measure(finding.digest, lambda _: None)
        if measured is None or measured.actual != finding.digest:
            return replace(finding, done="not mended: the bytes are not there")
        if name.kind == "blob":
            async with self._names.hold(Change(repository, (name,))) as held:
                await self._storage.links.write_layer(repository, finding.digest)
                held.finish(await read_truth(self._storage, repository, name))
        elif measured.size > MAX_MANIFEST:
            return finding
        else:
            payload = [chunk async for chunk in self._storage.blobs.read(finding.digest, 0, measured.size)]
            await self._write_manifest(repository, finding.digest, b"".join(payload))
        return replace(finding, done="written again: the bytes are there, and right", remains=False)

    async def _replace_bytes(self, finding: Finding) -> Finding:
        """First the index loses its trust, so that a push from now on writes its own bytes; then they go aside."""
        audit = self._index.audit
        digest = finding.digest
        seen_in = [finding.repository] if finding.repository else []
        manifests = dict.fromkeys([*seen_in, *await audit.repositories_with_manifest(digest)])
        holders = {*manifests, *await audit.repositories_with_blob(digest)}
        payload = await self._proved_payload(digest)
        async with self._storage.locks.claim([digest]) as claimed:
            if not claimed:
                return replace(finding, done="not mended: somebody is pushing it; check again")
            await audit.forget_blob(digest)
            place = await self._storage.survey.set_aside(digest)
        if payload is not None and manifests:
            for repository in manifests:
                await self._restore(repository, digest, payload)
            return replace(finding, done=_kept(place, "written again from the index"), remains=False)
        for repository in sorted(holders):
            await self._adoption.compare(repository, take_turns)
        if place is None:
            return replace(finding, done="replaced meanwhile", remains=False)
        return replace(finding, done=_kept(place, "pulls answer 404 until it is pushed again"))

    async def _restore_manifest(self, finding: Finding) -> Finding:
        payload = await self._proved_payload(finding.digest)
        if payload is None or finding.repository is None:
            return finding
        await self._restore(finding.repository, finding.digest, payload)
        return replace(finding, done="written again from the index", remains=False)

    async def _learn_size(self, finding: Finding) -> Finding:
        audit = self._index.audit
        await audit.forget_blob(finding.digest)
        for repository in await audit.repositories_with_blob(finding.digest):
            await self._names.repair(repository, (Name("blob", finding.digest),))
        for repository in await audit.repositories_with_manifest(finding.digest):
            await self._names.repair(repository, (Name("manifest", finding.digest),))
        return replace(finding, done="the index was told", remains=False)

    async def _tell_index(self, finding: Finding) -> Finding:
        """The whole repository at once: many names of one differ where one does."""
        repository, name = finding.repository, finding.name
        if repository is None or name is None:
            return finding
        if repository not in self._compared:
            await self._adoption.compare(repository, take_turns)
            left = await self._adoption.differences(repository, take_turns)
            self._compared[repository] = {difference.name for difference in left}
        if name in self._compared[repository]:
            return finding
        return replace(finding, done="the index was told", remains=False)

    async def _proved_payload(self, digest: Digest) -> bytes | None:
        """The bytes of a manifest as the index keeps them, where they have the digest."""
        payload = await self._index.audit.payload(digest)
        return payload if payload is not None and Digest.of(payload, digest.algorithm) == digest else None

    async def _restore(self, repository: RepositoryName, digest: Digest, payload: bytes) -> None:
        """Unless the repository does not hold it any more."""
        if await self._storage.links.has_revision(repository, digest):
            await self._write_manifest(repository, digest, payload)

    async def _write_manifest(self, repository: RepositoryName, digest: Digest, payload: bytes) -> None:
        name = Name("manifest", digest)
        async with self._names.hold(Change(repository, (name,))) as held:
            await self._storage.links.write_manifest(repository, digest, payload, ())
            held.finish(await read_truth(self._storage, repository, name))


def _kept(place: str | None, words: str) -> str:
    return words if place is None else f"{words}; the wrong bytes are kept in {place}"
