# SPDX-License-Identifier: Apache-2.0
"""Restoring what needs less than it names, or names what is no manifest; and all or nothing where something is gone."""

import json

import pytest

from entrepot.oci.callers import THE_REGISTRY
from entrepot.oci.digests import Digest
from entrepot.oci.errors import NotRestorable
from entrepot.oci.names import Tag
from entrepot.registry.registry import Registry
from entrepot.registry.settings import ValidationSettings
from support import images
from support.houses import House, differences, push, push_manifest, read_blob
from support.rooms import NAME

LATEST = Tag("latest")
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


@pytest.fixture(autouse=True)
async def whole(house: House) -> None:
    """All that storage holds is known."""
    await house.index.completeness.mark_whole()


async def test_a_build_cache(house: House, registry: Registry) -> None:
    """An old build cache, an index that names layers, comes back with them after its repository was deleted."""
    layer = images.blob(300)
    data = json.dumps({"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [layer.descriptor()]}).encode()
    cache = images.Manifest(data, images.OCI_INDEX, blobs=(layer,))
    await push(registry, NAME, cache, "latest")
    await registry.repositories.remove(NAME, THE_REGISTRY)
    assert await house.storage.links.read_layer(NAME, Digest(layer.digest)) is None
    await registry.trash.restore_repository(NAME, THE_REGISTRY)
    assert (await registry.manifests.get(NAME, LATEST)).payload == data
    assert await read_blob(registry, NAME, Digest(layer.digest)) == layer.data
    assert await differences(house) == []


async def test_foreign_layers(registry: Registry) -> None:
    """An image of Windows, whose foreign layers were never pushed, comes back without them."""
    made = images.image(layers=1)
    foreign = images.Content(b"elsewhere", FOREIGN).descriptor(urls=["https://example.com/layer"])
    document = {**made.document, "layers": [*made.document["layers"], foreign]}
    image = images.manifest(document, blobs=made.blobs)
    await push(registry, NAME, image, "latest")
    await registry.manifests.untag(NAME, LATEST)
    await registry.trash.restore_tag(NAME, LATEST, None, THE_REGISTRY)
    assert (await registry.manifests.get(NAME, LATEST)).payload == image.data


async def test_sparse(house: House) -> None:
    """Where manifests may be pushed without what they name, they come back without it, and with what was there."""
    registry = house.under(ValidationSettings(sparse=True))
    made = images.index()
    here, absent = made.children
    await push(registry, NAME, here)
    await push_manifest(registry, NAME, made, "latest")
    await registry.repositories.remove(NAME, THE_REGISTRY)
    await registry.trash.restore_repository(NAME, THE_REGISTRY)
    assert (await registry.manifests.get(NAME, LATEST)).payload == made.data
    assert await read_blob(registry, NAME, Digest(here.blobs[0].digest)) == here.blobs[0].data
    assert not await house.storage.links.has_revision(NAME, Digest(absent.digest))


async def test_all_or_nothing(house: House, registry: Registry) -> None:
    """Where one child's layer is gone its digest is told, and the index, the other child and all links stay away."""
    made = images.index()
    digest = await push(registry, NAME, made, "latest")
    await registry.repositories.remove(NAME, THE_REGISTRY)
    gone = Digest(made.children[1].blobs[-1].digest)
    await house.storage.blobs.remove([gone])
    with pytest.raises(NotRestorable) as caught:
        await registry.trash.restore_manifest(NAME, digest, THE_REGISTRY)
    assert caught.value.detail == [gone]
    assert {entry.digest for entry in await registry.trash.page(NAME, "", 10)} == {one.digest for one in made.walk()}
    assert await house.storage.links.list_revisions(NAME) == []
    assert await house.storage.links.list_layers(NAME) == []
