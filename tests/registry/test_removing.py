# SPDX-License-Identifier: Apache-2.0
"""Untag and remove: exactly what was named goes, from storage and index, and what is needed waits."""

import asyncio

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUnknown, ManifestBlobUnknown, ManifestUnknown, NameUnknown, Unsupported
from entrepot.oci.names import Tag
from entrepot.registry.registry import Registry
from support import images
from support.facts import blob_name, change, tag_name
from support.houses import House, differences, push, push_blob, push_manifest, read_blob
from support.rooms import NAME, OTHER

LATEST = Tag("latest")


async def test_untag(house: House, registry: Registry) -> None:
    """A tag goes alone: its manifest, its siblings and the tags of other repositories stay."""
    content = images.image()
    digest = await push(registry, NAME, content, "latest", "latest-1")
    await push(registry, OTHER, content, "latest")
    await registry.manifests.untag(NAME, LATEST)
    for _ in range(2):
        with pytest.raises(ManifestUnknown):
            await registry.manifests.get(NAME, LATEST)
        with pytest.raises(ManifestUnknown):
            await registry.manifests.untag(NAME, LATEST)
    assert (await registry.manifests.get(NAME, Tag("latest-1"))).digest == digest
    assert (await registry.manifests.get(NAME, digest)).digest == digest
    assert (await registry.manifests.get(OTHER, LATEST)).digest == digest
    assert await differences(house) == []


async def test_remove_manifest(house: House, registry: Registry) -> None:
    """A manifest goes with all tags that point to it; other manifests and repositories keep theirs."""
    content = images.image()
    digest = await push(registry, NAME, content, "a", "b")
    other = await push(registry, NAME, images.image(), "c")
    await push(registry, OTHER, content, "a")
    await registry.manifests.remove(NAME, digest)
    for reference in (digest, Tag("a"), Tag("b")):
        with pytest.raises(ManifestUnknown):
            await registry.manifests.get(NAME, reference)
    with pytest.raises(ManifestUnknown):
        await registry.manifests.remove(NAME, digest)
    assert (await registry.catalogue.tags(NAME, "", -1)).entries == ["c"]
    assert (await registry.manifests.get(NAME, other)).digest == other
    assert (await registry.manifests.get(OTHER, Tag("a"))).digest == digest
    assert await differences(house) == []


async def test_remove_blob(house: House, registry: Registry) -> None:
    """A blob goes from one repository; others keep theirs, and it can be pushed again."""
    digest = await push_blob(registry, NAME, b"shared")
    await push_blob(registry, OTHER, b"shared")
    await registry.blobs.remove(NAME, digest)
    for _ in range(2):
        with pytest.raises(BlobUnknown):
            await registry.blobs.find(NAME, digest)
        with pytest.raises(BlobUnknown):
            await registry.blobs.remove(NAME, digest)
    assert await read_blob(registry, OTHER, digest) == b"shared"
    await push_blob(registry, NAME, b"shared")
    assert await read_blob(registry, NAME, digest) == b"shared"
    assert await differences(house) == []


async def test_switched_off(house: House, registry: Registry) -> None:
    """Without storage.delete.enabled nothing goes, and the refusal names the setting."""
    content = images.image()
    digest = await push(registry, NAME, content, "latest")
    blob = Digest(content.blobs[0].digest)
    without = house.under(delete=False)
    for refused in (
        without.manifests.untag(NAME, LATEST),
        without.manifests.remove(NAME, digest),
        without.blobs.remove(NAME, blob),
    ):
        with pytest.raises(Unsupported, match=r"storage\.delete\.enabled"):
            await refused
    assert (await registry.manifests.get(NAME, LATEST)).digest == digest
    assert (await registry.blobs.find(NAME, blob)).content == blob


async def test_a_removal_waits_for_a_push(house: House, registry: Registry) -> None:
    """A blob that a manifest being pushed needs is not removed before that push has ended."""
    digest = await push_blob(registry, NAME, b"layer")
    begun = await house.index.changes.begin(change(tag_name("x"), pins=[blob_name("layer")]))
    removal = asyncio.ensure_future(registry.blobs.remove(NAME, digest))
    done, _ = await asyncio.wait([removal], timeout=0.3)
    assert done == set()
    assert await read_blob(registry, NAME, digest) == b"layer"
    await house.index.changes.finish(begun, NAME, [])
    await removal
    with pytest.raises(BlobUnknown):
        await registry.blobs.find(NAME, digest)
    assert await differences(house) == []


async def test_a_push_after_a_removal_is_told(registry: Registry) -> None:
    """A manifest pushed after one of its blobs was removed is refused with that blob."""
    content = images.image()
    await push(registry, NAME, content)
    await registry.blobs.remove(NAME, Digest(content.blobs[1].digest))
    with pytest.raises(ManifestBlobUnknown) as caught:
        await push_manifest(registry, NAME, content, "latest")
    assert caught.value.missing == (content.blobs[1].digest,)


async def test_pushes_and_removals_at_once(house: House, registry: Registry) -> None:
    """Two processes pushing, moving and deleting the same names end with storage and index in agreement."""
    content, moved = images.image(), images.image()
    for one in (content, moved):
        await push(registry, NAME, one)

    async def disturb(process: Registry, one: images.Manifest) -> None:
        for _ in range(6):
            await push_manifest(process, NAME, one, "latest", "other")
            for removal in (process.manifests.untag(NAME, LATEST), process.manifests.remove(NAME, Digest(one.digest))):
                try:
                    await removal
                except ManifestUnknown:
                    continue

    with house.another() as another:
        await asyncio.gather(
            *(disturb(process.registry, one) for process in (house, another) for one in (content, moved))
        )
        assert await differences(another) == []
    assert await differences(house) == []


async def test_lists_of_what_is_gone(registry: Registry) -> None:
    """With its last tag removed a repository lists none, and with none ever it is unknown."""
    digest = await push(registry, NAME, images.image(), "latest")
    await registry.manifests.untag(NAME, LATEST)
    assert (await registry.catalogue.tags(NAME, "", -1)).entries == []
    assert (await registry.catalogue.repositories("", 9)).entries == [NAME]
    await registry.manifests.remove(NAME, digest)
    assert (await registry.catalogue.repositories("", 9)).entries == []
    with pytest.raises(NameUnknown):
        await registry.catalogue.tags(OTHER, "", -1)
