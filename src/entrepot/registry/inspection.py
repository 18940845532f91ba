# SPDX-License-Identifier: Apache-2.0
"""Looks at one repository as a client would: could everything in it be pulled, and does the index say the same?

It works beside a server, so that whatever seems wrong is looked at again before it is told: what just changed is right
a moment later. Nothing is changed here.
"""

import asyncio
from collections.abc import AsyncIterator

from entrepot.index.facts import Name
from entrepot.index.index import Index
from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUnknown, DigestInvalid, ManifestInvalid, RegistryError
from entrepot.oci.manifests import MAX_MANIFEST, Manifest, parse_manifest
from entrepot.oci.names import RepositoryName
from entrepot.registry.adoption import Adoption, Difference, Rest
from entrepot.registry.findings import Finding, FindingKind
from entrepot.registry.settings import ValidationSettings
from entrepot.registry.truths import read_truth
from entrepot.registry.validation import requirements
from entrepot.storage.ports import Storage

MOMENT = 0.2
"""Seconds until what differs is compared again: between the link of a blob and its row lie some milliseconds."""

SHOWN = 3
"""Digests named of those that are missing."""


class Inspection:
    """Inspects repositories, one after the other."""

    def __init__(self, storage: Storage, index: Index, adoption: Adoption) -> None:
        self._storage = storage
        self._index = index
        self._adoption = adoption

    async def inspect(self, name: RepositoryName, rest: Rest) -> AsyncIterator[Finding]:
        """All that is wrong with it. Links that are broken are passed over: the survey of storage tells them."""
        async for finding in self._blobs(name, rest):
            yield finding
        bad: set[str] = set()
        for digest in await self._storage.links.list_revisions(name):
            async for finding in self._manifest(name, digest):
                if finding.name is not None:
                    bad.add(finding.name.name)
                yield finding
            await rest()
        async for finding in self._tags(name, rest):
            yield finding
        if await self._index.completeness.of(name):
            async for finding in self._differences(name, bad, rest):
                yield finding

    async def is_under_change(self, name: RepositoryName, changing: Name) -> bool:
        """Whether somebody is about to change it: what it looks like then is no fault."""
        intents = await self._index.changes.list_open()
        return any(intent.repository == name and intent.name == changing for intent in intents)

    async def describe_wrong(self, name: Name, actual: Digest, size: int, seen_in: RepositoryName | None) -> Finding:
        """Bytes that are not those of their digest, with all that need them, as far as the index knows."""
        audit = self._index.audit
        digest = Digest(name.name)
        tags = [f"{repository}:{tag}" for repository, tag in await audit.tags_that_need(digest)]
        holders = {*await audit.repositories_with_blob(digest), *await audit.repositories_with_manifest(digest)}
        needed_by = (*sorted(holders | ({seen_in} if seen_in else set())), *tags)
        return Finding("wrong-bytes", digest, f"the {size} bytes there are {actual}", seen_in, name, needed_by)

    async def _blobs(self, name: RepositoryName, rest: Rest) -> AsyncIterator[Finding]:
        links = self._storage.links
        for digest in await links.list_layers(name):
            content = await links.read_layer(name, digest)
            if content is not None and await self._storage.blobs.stat(content) is None:
                yield Finding("blob-without-bytes", f"{name}@{digest}", "", name, Name("blob", digest))
            await rest()

    async def _manifest(self, name: RepositoryName, digest: Digest) -> AsyncIterator[Finding]:
        if not await self._storage.links.has_revision(name, digest):
            return
        here = Name("manifest", digest)
        where = f"{name}@{digest}"
        size = await self._storage.blobs.stat(digest)
        if size is None:
            if not await self.is_under_change(name, here) and await self._storage.links.has_revision(name, digest):
                yield Finding("manifest-without-bytes", where, "", name, here)
        elif size > MAX_MANIFEST:
            yield Finding("bad-manifest", where, f"{size} bytes; at most {MAX_MANIFEST} are served", name, here)
        else:
            async for finding in self._payload(name, digest, size):
                yield finding

    async def _payload(self, name: RepositoryName, digest: Digest, size: int) -> AsyncIterator[Finding]:
        here = Name("manifest", digest)
        where = f"{name}@{digest}"
        payload = b""
        try:
            payload = b"".join([chunk async for chunk in self._storage.blobs.read(digest, 0, size)])
            manifest = parse_manifest(payload, "", digest)
        except DigestInvalid:
            yield await self.describe_wrong(here, Digest.of(payload, digest.algorithm), size, name)
        except ManifestInvalid as error:
            yield Finding("bad-manifest", where, str(error.detail), name, here)
        except BlobUnknown:
            return
        except RegistryError as error:
            yield Finding("unreadable", where, str(error.detail), name, here)
        else:
            async for finding in self._parts(name, manifest):
                yield finding

    async def _parts(self, name: RepositoryName, manifest: Manifest) -> AsyncIterator[Finding]:
        """What the manifest names and the repository does not hold. Sizes are not compared: digests say more."""
        named = tuple(dict.fromkeys(requirements(manifest, ValidationSettings())))
        missing = [part for part in named if not await self._holds(name, part)]
        kinds: tuple[tuple[FindingKind, str], ...] = (("incomplete-image", "blob"), ("incomplete-index", "manifest"))
        for kind, noun in kinds:
            gone = [part.name for part in missing if part.kind == noun]
            if gone and await self._storage.links.has_revision(name, manifest.digest):
                total = sum(part.kind == noun for part in named)
                more = f" and {len(gone) - SHOWN} more" if len(gone) > SHOWN else ""
                words = f"{len(gone)} of {total} {noun}s are not there: {', '.join(gone[:SHOWN])}{more}"
                yield Finding(
                    kind, f"{name}@{manifest.digest}", words, name, needed_by=await self._tags_in(name, manifest)
                )

    async def _tags_in(self, name: RepositoryName, manifest: Manifest) -> tuple[str, ...]:
        needing = await self._index.audit.tags_that_need(manifest.digest)
        return tuple(f"{repository}:{tag}" for repository, tag in needing if repository == name)

    async def _holds(self, name: RepositoryName, part: Name) -> bool:
        digest = Digest(part.name)
        if part.kind == "manifest":
            held = await self._storage.links.has_revision(name, digest)
            return held and await self._storage.blobs.stat(digest) is not None
        content = await self._storage.links.read_layer(name, digest)
        return content is not None and await self._storage.blobs.stat(content) is not None

    async def _tags(self, name: RepositoryName, rest: Rest) -> AsyncIterator[Finding]:
        links = self._storage.links
        for tag in await links.list_tags(name):
            target = await links.read_tag(name, tag)
            if target is not None and not await links.has_revision(name, target):
                moved = await links.read_tag(name, tag) != target
                if not moved and not await self.is_under_change(name, Name("tag", tag)):
                    words = f"{target} is not there"
                    yield Finding("tag-without-manifest", f"{name}:{tag}", words, name, Name("tag", tag))
            await rest()

    async def _differences(self, name: RepositoryName, bad: set[str], rest: Rest) -> AsyncIterator[Finding]:
        first = await self._adoption.differences(name, rest)
        if not first:
            return
        await asyncio.sleep(MOMENT)
        again = set(await self._adoption.differences(name, rest))
        for difference in first:
            concerned = {difference.name.name, difference.known, difference.stored}
            if difference in again and not concerned & bad and await self._counts(name, difference):
                where = f"{name} {difference.name.kind} {difference.name.name}"
                yield Finding("index-differs", where, _describe(difference), name, difference.name)

    async def _counts(self, name: RepositoryName, difference: Difference) -> bool:
        """What nobody could pull is not in the index, and need not be."""
        if await self.is_under_change(name, difference.name):
            return False
        return difference.known is not None or (await read_truth(self._storage, name, difference.name)).present


def _describe(difference: Difference) -> str:
    if difference.known is None:
        return "storage holds it, the index does not know it"
    if difference.stored is None:
        return "the index knows it, storage does not hold it"
    return f"the index says {difference.known}, storage {difference.stored}"
