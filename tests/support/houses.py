# SPDX-License-Identifier: Apache-2.0
"""A storage with its index and the registry over both, as one process has them, and pushes in few words."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.index.index import Index, open_index
from entrepot.oci.digests import Digest
from entrepot.oci.names import Tag
from entrepot.registry.names import Names
from entrepot.registry.registry import Registry, join
from entrepot.registry.settings import RegistrySettings, ValidationSettings
from support.rooms import store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entrepot.index.places import IndexPlace
    from entrepot.oci.names import RepositoryName
    from entrepot.storage.ports import Storage
    from support.images import Content, Manifest

ALL = 1_000_000


@dataclass(frozen=True)
class House:
    """One process's view: storage, index, registry."""

    storage: Storage
    index: Index
    place: IndexPlace
    registry: Registry

    @property
    def names(self) -> Names:
        """The locks on names."""
        return Names(self.storage, self.index)

    def under(self, validation: ValidationSettings | None = None, *, delete: bool = True) -> Registry:
        """A registry with other settings over the same storage and index."""
        return join(self.storage, self.index, RegistrySettings(delete, validation=validation or ValidationSettings()))

    @contextlib.contextmanager
    def another(self) -> Iterator[House]:
        """The same as another process has it; leaving is that process's death."""
        with open_house(self.storage, self.place) as house:
            yield house


@contextlib.contextmanager
def open_house(storage: Storage, place: IndexPlace) -> Iterator[House]:
    """A process over ``storage`` with its index at ``place``; deleting is allowed."""
    with open_index(place) as index:
        yield House(storage, index, place, join(storage, index, RegistrySettings(delete_enabled=True)))


async def push_blob(registry: Registry, name: RepositoryName, data: bytes, algorithm: str = "sha256") -> Digest:
    """Upload ``data`` in one request."""
    digest = Digest.of(data, algorithm)
    upload = await registry.uploads.start(name, algorithm)
    async with registry.uploads.receive(name, upload, None) as writer:
        await writer.write(data)
        await registry.uploads.commit(name, writer, digest)
    return digest


async def push_manifest(registry: Registry, name: RepositoryName, content: Content, *tags: str) -> Digest:
    """Push a manifest alone, by digest and with ``tags``."""
    digest = Digest(content.digest)
    pushed = await registry.manifests.put(name, digest, [Tag(tag) for tag in tags], content.media_type, content.data)
    return pushed.digest


async def push(registry: Registry, name: RepositoryName, content: Manifest, *tags: str) -> Digest:
    """Push a manifest with everything below it."""
    for one in content.walk():
        for blob in one.blobs:
            await push_blob(registry, name, blob.data, blob.algorithm)
        await push_manifest(registry, name, one, *(tags if one is content else ()))
    return Digest(content.digest)


async def plant(storage: Storage, name: RepositoryName, content: Manifest, *tags: str) -> Digest:
    """Write a manifest with all below it straight into storage, as registry:2 would; no index is told."""
    for one in content.walk():
        for blob in one.blobs:
            await store(storage, blob.data, name=name, algorithm=blob.algorithm)
        pointing = tuple(map(Tag, tags)) if one is content else ()
        await storage.links.write_manifest(name, Digest(one.digest), one.data, pointing)
    return Digest(content.digest)


async def read_blob(registry: Registry, name: RepositoryName, digest: Digest) -> bytes:
    """Pull a blob."""
    blob = await registry.blobs.find(name, digest)
    return b"".join([chunk async for chunk in registry.blobs.read(blob, 0, blob.size)])


async def differences(house: House) -> list[str]:
    """Where index and storage disagree, name by name; empty when they agree."""
    links, lists = house.storage.links, house.index.lists
    stored = [name async for name in links.repositories()]
    found = []
    for name in sorted({*stored, *await lists.known_repositories("", ALL)}):
        pointing = {tag: await links.read_tag(name, tag) for tag in await links.list_tags(name)}
        tags = {f"tag {tag} {digest}" for tag, digest in pointing.items() if digest is not None}
        known_tags = {f"tag {tag} {digest}" for tag, digest in await lists.tag_targets(name, "", ALL)}
        revisions = {f"manifest {digest}" for digest in await links.list_revisions(name)}
        known_revisions = {f"manifest {digest}" for digest in await lists.revisions(name, "", ALL)}
        layers = {f"blob {digest}" for digest in await links.list_layers(name)}
        known_layers = {f"blob {digest}" for digest, _ in await lists.layers(name, "", ALL)}
        differing = (tags | revisions | layers) ^ (known_tags | known_revisions | known_layers)
        found += [f"{name}: {one}" for one in sorted(differing)]
    return found + [f"open: {intent}" for intent in await house.index.changes.list_open()]
