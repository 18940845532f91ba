# SPDX-License-Identifier: Apache-2.0
"""Push and pull: what was pushed is pulled byte for byte, and storage and index agree."""

import os

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import (
    BlobUnknown,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    RangeInvalid,
)
from entrepot.oci.names import Tag
from entrepot.oci.ranges import ContentRange
from entrepot.registry.registry import Registry
from support import images
from support.houses import House, differences, push, push_blob, push_manifest, read_blob
from support.rooms import NAME, OTHER

LATEST = Tag("latest")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_image(house: House, registry: Registry, algorithm: str) -> None:
    """An image is pulled by tag and digest as it was pushed, its blobs too."""
    content = images.image(algorithm=algorithm)
    digest = await push(registry, NAME, content, "latest")
    for reference in (LATEST, digest):
        pulled = await registry.manifests.get(NAME, reference)
        assert (pulled.digest, pulled.media_type, pulled.payload) == (digest, content.media_type, content.data)
        assert await registry.manifests.peek(NAME, reference) == pulled
    for blob in content.blobs:
        assert await read_blob(registry, NAME, Digest(blob.digest)) == blob.data
    assert await differences(house) == []


@pytest.mark.parametrize("style", ["oci", "docker"])
async def test_nested_index(house: House, registry: Registry, style: images.Style) -> None:
    """An index of indexes is pulled with all below it."""
    content = images.index([images.index(style=style), images.image(style=style)], style=style)
    await push(registry, NAME, content, "latest")
    for one in content.walk():
        assert (await registry.manifests.get(NAME, Digest(one.digest))).payload == one.data
    assert await differences(house) == []


async def test_several_tags_at_once(house: House, registry: Registry) -> None:
    """One push may set several tags, one of them named twice."""
    content = images.image()
    await push(registry, NAME, content)
    manifest = await registry.manifests.put(
        NAME, LATEST, [Tag("1.0"), Tag("1"), LATEST], content.media_type, content.data
    )
    assert (await registry.catalogue.tags(NAME, "", -1)).entries == ["1", "1.0", "latest"]
    assert (await registry.manifests.get(NAME, Tag("1.0"))).digest == manifest.digest
    assert await differences(house) == []


async def test_tags_move(house: House, registry: Registry) -> None:
    """A tag is what was pushed last; the manifest it left stays, by digest."""
    old = await push(registry, NAME, images.image(), "latest", "old")
    new = await push(registry, NAME, images.image(), "latest")
    assert (await registry.manifests.get(NAME, LATEST)).digest == new
    assert (await registry.manifests.get(NAME, Tag("old"))).digest == old
    assert (await registry.manifests.get(NAME, old)).digest == old
    assert await differences(house) == []


async def test_unknown(registry: Registry) -> None:
    """What was never pushed to this repository is unknown there, wherever else it is."""
    content = images.image()
    digest = await push(registry, NAME, content, "latest")
    for reference in (LATEST, digest):
        assert (await registry.manifests.get(NAME, reference)).digest == digest
        with pytest.raises(ManifestUnknown):
            await registry.manifests.get(OTHER, reference)
    with pytest.raises(BlobUnknown):
        await registry.blobs.find(OTHER, Digest(content.blobs[0].digest))
    with pytest.raises(ManifestUnknown) as caught:
        await registry.manifests.get(NAME, Tag("other"))
    assert caught.value.detail == {"Name": NAME, "Tag": "other"}


async def test_missing_blobs_are_named(house: House, registry: Registry) -> None:
    """A manifest whose blobs are not all in its repository is refused with each missing one; nothing changes."""
    content = images.image(layers=3)
    await push_blob(registry, NAME, content.blobs[1].data)
    await push_blob(registry, OTHER, content.blobs[2].data)
    with pytest.raises(ManifestBlobUnknown) as caught:
        await push_manifest(registry, NAME, content, "latest")
    assert set(caught.value.missing) == {content.blobs[n].digest for n in (0, 2, 3)}
    with pytest.raises(ManifestUnknown):
        await registry.manifests.get(NAME, LATEST)
    assert await house.storage.links.list_tags(NAME) == []
    assert await differences(house) == []


async def test_missing_children_are_named(registry: Registry) -> None:
    """An index whose children are not all there is refused with each that is missing."""
    content = images.index()
    await push(registry, NAME, content.children[0])
    await push(registry, OTHER, content.children[1])
    with pytest.raises(ManifestBlobUnknown) as caught:
        await push_manifest(registry, NAME, content)
    assert caught.value.missing == (content.children[1].digest,)
    await push(registry, NAME, content.children[1])
    await push_manifest(registry, NAME, content)


async def test_refused_manifests_change_nothing(house: House, registry: Registry) -> None:
    """A manifest that is not what its digest says, or none at all, leaves storage and index as they were."""
    content = images.image()
    digest = await push(registry, NAME, content, "latest")
    with pytest.raises(DigestInvalid):
        await registry.manifests.put(NAME, digest, [LATEST], content.media_type, content.data + b" ")
    with pytest.raises(ManifestInvalid):
        await registry.manifests.put(NAME, LATEST, [], content.media_type, b"{")
    assert (await registry.manifests.get(NAME, LATEST)).digest == digest
    assert await differences(house) == []


async def test_uploads_in_chunks(registry: Registry) -> None:
    """Chunks must begin where the upload ends; those that skip or repeat are refused with the current Range."""
    data = os.urandom(3000)
    upload = await registry.uploads.start(NAME, "sha256")
    async with registry.uploads.receive(NAME, upload, ContentRange(0, 1000)) as writer:
        await writer.write(data[:1000])
    for start in (0, 999, 1001, 10**18):
        with pytest.raises(RangeInvalid) as caught:
            async with registry.uploads.receive(NAME, upload, ContentRange(start, 1)):
                raise AssertionError(start)
        assert caught.value.headers == {"Range": "0-999"}
    assert await registry.uploads.offset(NAME, upload) == 1000
    async with registry.uploads.receive(NAME, upload, ContentRange(1000, 2000)) as writer:
        await writer.write(data[1000:])
        await registry.uploads.commit(NAME, writer, Digest.of(data))
    assert await read_blob(registry, NAME, Digest.of(data)) == data


async def test_two_writers(registry: Registry) -> None:
    """A second request on an upload gets the current Range, and the first goes on undisturbed."""
    upload = await registry.uploads.start(NAME, "sha256")
    async with registry.uploads.receive(NAME, upload, None) as writer:
        await writer.write(b"first")
        with pytest.raises(RangeInvalid, match="another request") as caught:
            async with registry.uploads.receive(NAME, upload, None):
                raise AssertionError
        assert "Range" in caught.value.headers
        await registry.uploads.commit(NAME, writer, Digest.of(b"first"))
    assert await read_blob(registry, NAME, Digest.of(b"first")) == b"first"


async def test_uploads_end(registry: Registry) -> None:
    """A cancelled and a refused upload are gone, and were there."""
    for end in ("cancel", "wrong digest"):
        upload = await registry.uploads.start(NAME, "sha256")
        assert await registry.uploads.offset(NAME, upload) == 0
        with pytest.raises(BlobUploadUnknown):
            await registry.uploads.offset(OTHER, upload)
        if end == "cancel":
            await registry.uploads.cancel(NAME, upload)
        else:
            async with registry.uploads.receive(NAME, upload, None) as writer:
                with pytest.raises(DigestInvalid):
                    await registry.uploads.commit(NAME, writer, Digest.of(b"x"))
        with pytest.raises(BlobUploadUnknown):
            await registry.uploads.offset(NAME, upload)
        with pytest.raises(BlobUploadUnknown):
            await registry.uploads.cancel(NAME, upload)
    with pytest.raises(BlobUnknown):
        await registry.blobs.find(NAME, Digest.of(b"x"))


async def test_mount(house: House, registry: Registry) -> None:
    """A blob is mounted from a repository that holds it, which can be found; otherwise it is not, and nothing
    changes.
    """
    assert await registry.blobs.find_holder(Digest.of(b"shared")) is None
    digest = await push_blob(registry, NAME, b"shared")
    assert await registry.blobs.find_holder(digest) == NAME
    assert not await registry.blobs.mount(OTHER, Digest.of(b"never"), NAME)
    assert not await registry.blobs.mount(OTHER, digest, OTHER)
    with pytest.raises(BlobUnknown):
        await registry.blobs.find(OTHER, digest)
    assert await registry.blobs.mount(OTHER, digest, NAME)
    assert await read_blob(registry, OTHER, digest) == b"shared"
    await registry.blobs.remove(NAME, digest)
    assert await registry.blobs.find_holder(digest) == OTHER
    assert await registry.blobs.mount(NAME, digest, OTHER)
    assert await read_blob(registry, NAME, digest) == b"shared"
    assert await differences(house) == []
