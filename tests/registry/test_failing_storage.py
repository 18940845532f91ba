# SPDX-License-Identifier: Apache-2.0
"""Storage that fails in the middle of a change: the client is told, and storage and index agree afterwards."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import ManifestUnknown, StorageFull, Unavailable
from entrepot.oci.names import Tag
from support import images
from support.houses import House, differences, open_house, push, push_blob, push_manifest
from support.rooms import NAME, open_directory

LATEST = Tag("latest")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The data directory."""
    return tmp_path / "data"


@pytest.fixture
def house(root: Path, tmp_path: Path) -> Iterator[House]:
    """A process over a directory."""
    with open_directory(root) as storage, open_house(storage, tmp_path / "index.sqlite3") as opened:
        yield opened


def tags_of(root: Path) -> Path:
    """Where the tags lie."""
    return root / "docker/registry/v2/repositories" / NAME / "_manifests/tags"


async def test_tags_that_cannot_be_written(house: House, root: Path) -> None:
    """A push that fails before anything has its name is 503 and changes nothing; a retry succeeds."""
    content = images.image()
    for blob in content.blobs:
        await push_blob(house.registry, NAME, blob.data)
    tags_of(root).parent.mkdir(parents=True)
    tags_of(root).write_text("in the way")
    with pytest.raises(Unavailable):
        await push_manifest(house.registry, NAME, content, "latest", "other")
    assert await differences(house) == []
    with pytest.raises(ManifestUnknown):
        await house.registry.manifests.get(NAME, LATEST)
    tags_of(root).unlink()
    digest = await push_manifest(house.registry, NAME, content, "latest", "other")
    assert (await house.registry.manifests.get(NAME, LATEST)).digest == digest
    assert await differences(house) == []


async def test_failing_half_way(house: House, root: Path) -> None:
    """A push that fails between its tags is 503, and settled at once: the tags that were written are there, the one
    that could not and those behind it are not; sent again, all are.
    """
    content = images.image()
    for blob in content.blobs:
        await push_blob(house.registry, NAME, blob.data)
    obstacle = tags_of(root) / "latest/current/link"
    obstacle.mkdir(parents=True)
    with pytest.raises(Unavailable, match="directory"):
        await push_manifest(house.registry, NAME, content, "before", "latest", "later")
    assert await house.storage.links.has_revision(NAME, Digest(content.digest))
    assert (await house.registry.manifests.get(NAME, Tag("before"))).digest == content.digest
    for tag in (LATEST, Tag("later")):
        assert await house.registry.manifests.peek(NAME, tag) is None
    assert await differences(house) == []
    assert await house.names.settle_dead() == 0
    await push_manifest(house.registry, NAME, content, "before", "latest", "later")
    assert (await house.registry.manifests.get(NAME, LATEST)).digest == content.digest
    assert await differences(house) == []


async def test_tags_that_cannot_be_removed(house: House, root: Path) -> None:
    """An untag that fails is 503, the tag is there still, and it can be removed later."""
    digest = await push(house.registry, NAME, images.image(), "latest")
    own = root / "entrepot/tmp"
    own.rmdir()
    for refused in (house.registry.manifests.untag(NAME, LATEST), house.registry.manifests.remove(NAME, digest)):
        with pytest.raises(Unavailable):
            await refused
    assert (await house.registry.manifests.get(NAME, LATEST)).digest == digest
    own.mkdir()
    assert await differences(house) == []
    await house.registry.manifests.untag(NAME, LATEST)
    assert await differences(house) == []


async def test_storage_that_vanishes(house: House, root: Path) -> None:
    """While the data directory is away nothing changes and nothing is taken for deleted; once back, all is there."""
    content = images.image()
    digest = await push(house.registry, NAME, content, "latest")
    away = root.rename(root.with_name("away"))
    for refused in (
        push_manifest(house.registry, NAME, content, "latest"),
        house.registry.manifests.untag(NAME, LATEST),
        house.registry.manifests.get(NAME, Tag("other")),
        house.registry.blobs.find(NAME, Digest(content.blobs[0].digest)),
        house.registry.uploads.start(NAME, "sha256"),
    ):
        with pytest.raises(Unavailable):
            await refused
    assert not root.exists()
    away.rename(root)
    await house.names.settle_dead()
    assert (await house.registry.manifests.get(NAME, LATEST)).digest == digest
    assert await differences(house) == []
    await house.registry.manifests.untag(NAME, LATEST)
    assert await differences(house) == []


async def test_full_disk(house: House, root: Path) -> None:
    """With less than the reserve free a push is 507, and what is there can be pulled and removed."""
    content = images.image()
    digest = await push(house.registry, NAME, content, "latest")
    with open_directory(root, reserve=1 << 60) as storage, open_house(storage, house.place) as full:
        for refused in (
            push_manifest(full.registry, NAME, content, "other"),
            full.registry.uploads.start(NAME, "sha256"),
        ):
            with pytest.raises(StorageFull):
                await refused
        assert (await full.registry.manifests.get(NAME, LATEST)).digest == digest
        await full.registry.manifests.untag(NAME, LATEST)
        assert await differences(full) == []


async def test_a_cancelled_push(house: House) -> None:
    """A push whose request is cancelled at any moment leaves storage and index in agreement, and the names free."""
    first, second = images.image(), images.image()
    for one in (first, second):
        await push(house.registry, NAME, one)
    for moment in range(24):
        one = second if moment % 2 else first
        task = asyncio.ensure_future(push_manifest(house.registry, NAME, one, "latest"))
        for _ in range(moment):
            await asyncio.sleep(0.0005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(5):
        digest = await push_manifest(house.registry, NAME, first, "latest")
    assert (await house.registry.manifests.get(NAME, LATEST)).digest == digest
    assert await differences(house) == []
