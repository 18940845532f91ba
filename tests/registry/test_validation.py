# SPDX-License-Identifier: Apache-2.0
"""What a manifest must find in its repository, and what ``validation`` changes about that (compat.md 9.2)."""

from typing import Any

import pytest

from entrepot.oci import media
from entrepot.oci.digests import Digest
from entrepot.oci.errors import ManifestBlobUnknown, ManifestInvalid
from entrepot.registry.settings import Platform, ValidationSettings
from support import images
from support.houses import House, push, push_blob, push_manifest
from support.rooms import NAME

FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
ALLOW = ("^https://good\\.example/",)
ARM = Platform("arm64", "linux")


def with_layer(**layer: Any) -> images.Manifest:
    """An image whose only layer is as given; its bytes are not to be had."""
    config = images.Content(b"{}", images.OCI_CONFIG)
    missing = {"mediaType": images.OCI_LAYER, "digest": Digest.of(b"elsewhere"), "size": 9, **layer}
    document = {"config": config.descriptor(), "layers": [missing]}
    return images.manifest(document, blobs=(config,))


async def accepted(house: House, content: images.Manifest, settings: ValidationSettings) -> bool:
    """Whether a manifest is accepted, with its config there, and pulled again."""
    for blob in content.blobs:
        await push_blob(house.registry, NAME, blob.data)
    registry = house.under(settings)
    try:
        digest = await push_manifest(registry, NAME, content, "latest")
    except (ManifestInvalid, ManifestBlobUnknown):
        return False
    return (await registry.manifests.get(NAME, digest)).payload == content.data


@pytest.mark.parametrize(
    ("url", "settings", "expected"),
    [
        ("https://any.example/x", ValidationSettings(), True),
        ("https://good.example/x", ValidationSettings(urls_allow=ALLOW), True),
        ("https://bad.example/x", ValidationSettings(urls_allow=ALLOW), False),
        ("https://good.example/x", ValidationSettings(urls_allow=ALLOW, urls_deny=("/x$",)), False),
        ("https://good.example/y", ValidationSettings(urls_allow=ALLOW, urls_deny=("/x$",)), True),
        ("https://any.example/x", ValidationSettings(urls_deny=("nothing",)), False),
        ("https://bad.example/x", ValidationSettings(urls_allow=ALLOW, disabled=True), True),
        ("https://bad.example/x", ValidationSettings(urls_allow=ALLOW, sparse=True), False),
        ("ftp://good.example/x", ValidationSettings(), False),
        ("https://good.example/x#part", ValidationSettings(urls_allow=ALLOW), False),
        ("file:///etc/passwd", ValidationSettings(), False),
    ],
)
async def test_urls(house: House, url: str, settings: ValidationSettings, expected: bool) -> None:
    """URLs of layers are http or https without a fragment, allowed and not denied, unless validation is off."""
    assert await accepted(house, with_layer(mediaType=FOREIGN, urls=[url]), settings) is expected


@pytest.mark.parametrize("media_type", sorted(media.NONDISTRIBUTABLE))
async def test_nondistributable_layers_need_not_be_there(house: House, media_type: str) -> None:
    """Layers that clients never push are not asked for, with or without URLs; others are, whatever their URLs."""
    assert await accepted(house, with_layer(mediaType=media_type), ValidationSettings())
    assert not await accepted(house, with_layer(), ValidationSettings())
    assert not await accepted(house, with_layer(urls=["https://good.example/x"]), ValidationSettings())


async def test_sparse(house: House) -> None:
    """With ``sparse`` neither blobs nor children need be there, as a mirror needs; without it all are asked for."""
    content = images.index()
    for one in content.walk():
        with pytest.raises(ManifestBlobUnknown):
            await push_manifest(house.registry, NAME, one)
    sparse = house.under(ValidationSettings(sparse=True))
    await push_manifest(sparse, NAME, content, "latest")
    assert (await house.registry.manifests.get(NAME, Digest(content.digest))).payload == content.data


@pytest.mark.parametrize(
    ("settings", "missing", "expected"),
    [
        (ValidationSettings(platforms="all"), "linux/arm64", False),
        (ValidationSettings(platforms="none"), "linux/arm64", True),
        (ValidationSettings(platforms="none"), "linux/amd64", True),
        (ValidationSettings(platforms="list", platformlist=(ARM,)), "linux/arm64", False),
        (ValidationSettings(platforms="list", platformlist=(ARM,)), "linux/amd64", True),
        (ValidationSettings(platforms="list"), "linux/arm64", True),
        (ValidationSettings(platforms="all", disabled=True), "linux/arm64", True),
    ],
)
async def test_platforms(house: House, settings: ValidationSettings, missing: str, expected: bool) -> None:
    """Which children of an index must be there: all, none, or those of the platforms that are listed."""
    children = [images.image(platform=platform) for platform in ("linux/amd64", "linux/arm64")]
    for child, platform in zip(children, ("linux/amd64", "linux/arm64"), strict=True):
        if platform != missing:
            await push(house.registry, NAME, child)
    assert await accepted(house, images.index(children), settings) is expected


async def test_disabled_still_asks_for_blobs(house: House) -> None:
    """``validation.disabled`` turns off what distribution turns off; an image without its layers is refused still."""
    assert not await accepted(house, with_layer(), ValidationSettings(disabled=True))
    assert await accepted(house, with_layer(), ValidationSettings(disabled=True, sparse=True))


async def test_children_that_are_no_manifests(house: House) -> None:
    """An index may hold blobs, as old build caches do; they are asked for as blobs."""
    layer = images.blob()
    cache = images.manifest({"manifests": [layer.descriptor()]}, images.OCI_INDEX)
    assert not await accepted(house, cache, ValidationSettings())
    await push_blob(house.registry, NAME, layer.data)
    assert await accepted(house, cache, ValidationSettings())


async def test_subjects_need_not_be_there(house: House) -> None:
    """A referrer may be pushed before its subject, whatever validation says."""
    referrer = images.artifact(subject=images.image())
    assert await accepted(house, referrer, ValidationSettings())
