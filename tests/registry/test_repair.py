# SPDX-License-Identifier: Apache-2.0
"""What only storage knows (registry:2 wrote it, or a crash kept it from the index) is served, and told to the index."""

from collections.abc import Callable
from pathlib import Path

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUnknown, ManifestUnknown
from entrepot.oci.names import Tag
from entrepot.registry.registry import Registry
from entrepot.storage.ports import Storage
from support import images
from support.houses import House, differences, open_house, plant, push_manifest, read_blob
from support.rooms import NAME, OTHER, open_directory, store

LATEST = Tag("latest")


async def test_pull_by_tag(house: House, registry: Registry, storage: Storage) -> None:
    """A tag that the index does not know is found in storage, and known from then on."""
    content = images.image()
    digest = await plant(storage, NAME, content, "latest")
    assert await registry.manifests.peek(NAME, LATEST) is None
    pulled = await registry.manifests.get(NAME, LATEST)
    assert (pulled.digest, pulled.media_type, pulled.payload) == (digest, content.media_type, content.data)
    assert await registry.manifests.peek(NAME, LATEST) == pulled
    assert await registry.manifests.peek(NAME, digest) == pulled
    assert await house.index.changes.list_open() == []


async def test_pull_by_digest(registry: Registry, storage: Storage) -> None:
    """A manifest is found by its digest where this repository holds it, and not in others."""
    digest = await plant(storage, NAME, images.index())
    with pytest.raises(ManifestUnknown):
        await registry.manifests.get(OTHER, digest)
    assert (await registry.manifests.get(NAME, digest)).digest == digest
    assert await registry.manifests.peek(NAME, digest) is not None


async def test_pull_of_blobs(registry: Registry, storage: Storage) -> None:
    """Blobs are found where this repository holds them, and not in others."""
    content = images.image()
    await plant(storage, NAME, content)
    for blob in content.blobs:
        with pytest.raises(BlobUnknown):
            await registry.blobs.find(OTHER, Digest(blob.digest))
        assert await read_blob(registry, NAME, Digest(blob.digest)) == blob.data


async def test_aliases(tmp_path: Path) -> None:
    """A sha512 blob that registry:2 keeps under its sha256 is served under the digest that was asked for."""
    data = b"pushed to registry:2 with sha512"
    alias, content = Digest.of(data, "sha512"), Digest.of(data)
    link = tmp_path / f"data/docker/registry/v2/repositories/{NAME}/_layers/sha512/{alias.hex}/link"
    link.parent.mkdir(parents=True)
    link.write_text(content)
    with open_directory(tmp_path / "data") as storage, open_house(storage, tmp_path / "index.sqlite3") as house:
        await store(storage, data)
        assert await read_blob(house.registry, NAME, alias) == data
        assert not await house.registry.blobs.mount(OTHER, alias, NAME)
        assert await house.registry.blobs.mount(OTHER, content, NAME)


async def test_mount_from_what_the_index_does_not_know(registry: Registry, storage: Storage) -> None:
    """A mount that names its source finds it in storage."""
    content = images.image()
    await plant(storage, NAME, content)
    digest = Digest(content.blobs[0].digest)
    assert await registry.blobs.mount(OTHER, digest, NAME)
    assert await read_blob(registry, OTHER, digest) == content.blobs[0].data


@pytest.mark.parametrize("make", [images.image, images.index])
async def test_push_onto_what_the_index_does_not_know(
    house: House, registry: Registry, storage: Storage, make: Callable[[], images.Manifest]
) -> None:
    """A manifest whose blobs or children only storage knows is accepted."""
    content = make()
    await plant(storage, NAME, content)
    await storage.links.remove_revisions(NAME, [Digest(content.digest)])
    await push_manifest(registry, NAME, content, "latest")
    assert (await registry.manifests.get(NAME, LATEST)).digest == content.digest
    assert [one for one in await differences(house) if "tag" in one] == []


async def test_untag_and_remove(house: House, registry: Registry, storage: Storage) -> None:
    """What only storage knows can be removed."""
    first, second = images.image(), images.image()
    await plant(storage, NAME, first, "first")
    digest = await plant(storage, NAME, second)
    await registry.manifests.untag(NAME, Tag("first"))
    await registry.manifests.remove(NAME, digest)
    await registry.blobs.remove(NAME, Digest(first.blobs[0].digest))
    assert await storage.links.list_tags(NAME) == []
    assert await storage.links.list_revisions(NAME) == [first.digest]
    assert first.blobs[0].digest not in await storage.links.list_layers(NAME)
    assert await house.index.changes.list_open() == []


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"schemaVersion": 1}'], ids=["empty", "no manifest", "schema 1"])
async def test_what_is_no_manifest_is_not_served(registry: Registry, storage: Storage, payload: bytes) -> None:
    """A revision whose bytes are no manifest that we serve is unknown, by tag too, and breaks nothing."""
    digest = Digest.of(payload)
    await storage.links.write_manifest(NAME, digest, payload, (LATEST,))
    for reference in (LATEST, digest):
        with pytest.raises(ManifestUnknown):
            await registry.manifests.get(NAME, reference)


async def test_damaged_bytes(registry: Registry, storage: Storage) -> None:
    """A manifest whose bytes are not what its digest says is not served."""
    digest = Digest.of(images.image().data)
    await storage.links.write_manifest(NAME, digest, images.image().data, (LATEST,))
    for reference in (LATEST, digest):
        with pytest.raises(ManifestUnknown):
            await registry.manifests.get(NAME, reference)


async def test_a_link_without_bytes(registry: Registry, storage: Storage) -> None:
    """A blob that is linked, but whose bytes are not there, is unknown and cannot be mounted."""
    digest = Digest.of(b"blob")
    await storage.links.write_layer(NAME, digest)
    with pytest.raises(BlobUnknown):
        await registry.blobs.find(NAME, digest)
    assert not await registry.blobs.mount(OTHER, digest, NAME)
