# SPDX-License-Identifier: Apache-2.0
"""What a deletion says beforehand is what the disk gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.index.sight import EVERY_REPOSITORY, Sight
from entrepot.jobs.collecting import collect
from entrepot.jobs.settings import CollectorSettings
from entrepot.oci.callers import THE_REGISTRY
from entrepot.oci.digests import Digest
from entrepot.oci.errors import ManifestUnknown, NameUnknown
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.adoption import take_turns
from support import images
from support.houses import push, push_manifest
from support.rooms import NAME, OTHER

if TYPE_CHECKING:
    from entrepot.oci.names import Reference
    from support.houses import House


@pytest.fixture(autouse=True)
async def whole(house: House) -> None:
    """All that storage holds is known."""
    await house.index.completeness.mark_whole()


async def used(house: House) -> tuple[int, int]:
    """Bytes under ``blobs/**/data``, and how many files."""
    sizes = [size async for _, size in house.storage.blobs.walk()]
    return sum(sizes), len(sizes)


async def set_scene(house: House) -> None:
    """Images and indexes that share layers, children, repositories, and referrers."""
    registry = house.registry
    base, app = images.image(size=4000), images.image(size=3000)
    shared = images.index([base, app])
    alone = images.index([base, images.image(size=2000)])
    await push(registry, NAME, shared, "shared", "also")
    await push(registry, NAME, alone, "alone")
    await push(registry, NAME, images.artifact(subject=shared))
    await push(registry, NAME, images.artifact(subject=alone))
    await push(registry, NAME, images.image(size=1500))
    await push_manifest(registry, NAME, app, "app")
    await push(registry, OTHER, base, "base")


async def purge(house: House, name: RepositoryName, reference: Reference | None) -> None:
    """Delete for good, and collect."""
    if reference is None:
        await house.registry.repositories.remove(name, THE_REGISTRY, purge=True)
    elif isinstance(reference, Digest):
        await house.registry.manifests.remove(name, reference, purge=True)
    else:
        await house.registry.manifests.untag(name, reference, purge=True)
    await collect(house.storage, house.index, CollectorSettings(grace=0), take_turns)


@pytest.mark.parametrize("what", ["also", "alone", "app", "manifest", "child", "repository", "other"])
async def test_it_is_what_the_disk_gives_back(house: House, what: str) -> None:
    """For a tag among several, a last tag, an index by digest, a child of indexes and whole repositories: just so many
    bytes and blobs go, just those manifests and tags.
    """
    await set_scene(house)
    await collect(house.storage, house.index, CollectorSettings(grace=0), take_turns)
    catalogue, manifests = house.registry.catalogue, house.registry.manifests
    name = NAME
    reference: Reference | None = None if what == "repository" else Tag(what)
    if what == "other":
        name, reference = OTHER, None
    elif what == "manifest":
        reference = (await manifests.get(NAME, Tag("alone"))).digest
    elif what == "child":
        reference = (await manifests.get(NAME, Tag("app"))).digest
    said = await catalogue.reclaim(name, reference)
    before, files = await used(house)
    tags = set((await catalogue.tags(name, "", -1)).entries)
    known = set(await house.index.lists.revisions(name, "", 100))
    await purge(house, name, reference)
    after, remaining = await used(house)
    assert (before - after, files - remaining) == (said.freed, said.freed_blobs)
    assert known - set(await house.index.lists.revisions(name, "", 100)) == set(said.manifests)
    left = set() if reference is None else set((await catalogue.tags(name, "", -1)).entries)
    assert tags - left == set(said.tags)
    assert (said.freed > 0) == (what in {"alone", "app", "manifest", "child", "repository"} - {"app"})
    if what in {"alone", "manifest", "repository", "other"}:
        assert said.shared > 0


async def test_the_trash_shares(house: House) -> None:
    """Bytes that something in the trash needs are not given back."""
    content = images.image()
    for name in (NAME, OTHER):
        await push(house.registry, name, content, "latest")
    assert (await house.registry.catalogue.reclaim(NAME, None)).freed == 0
    await house.registry.repositories.remove(OTHER, THE_REGISTRY)
    said = await house.registry.catalogue.reclaim(NAME, None)
    assert (said.freed, said.shared_blobs) == (0, 4)


@pytest.mark.parametrize("what", ["repository", "tag", "manifest"])
async def test_what_others_have_is_not_told(house: House, what: str) -> None:
    """For who does not see all repositories the answer is the same whatever others hold or held; what this repository
    itself needs still counts.
    """
    registry = house.registry
    content = images.image()
    await push(registry, NAME, content, "latest", "other")
    await push(registry, NAME, images.index([content]), "index")
    reference: Reference | None = {"repository": None, "tag": Tag("index"), "manifest": Digest(content.digest)}[what]
    mine = Sight(frozenset({1}))
    alone = await registry.catalogue.reclaim(NAME, reference, mine)
    assert alone == await registry.catalogue.reclaim(NAME, reference)
    assert (alone.freed > 0, alone.shared > 0) == {
        "repository": (True, False),
        "tag": (True, False),
        "manifest": (True, False),
    }[what]
    await push(registry, OTHER, content, "latest")
    assert await registry.catalogue.reclaim(NAME, reference, mine) == alone
    everything = await registry.catalogue.reclaim(NAME, reference)
    assert everything == await registry.catalogue.reclaim(NAME, reference, EVERY_REPOSITORY)
    await registry.repositories.remove(OTHER, THE_REGISTRY)
    assert await registry.catalogue.reclaim(NAME, reference, mine) == alone
    if what != "tag":
        assert everything != alone


async def test_what_is_not_there(house: House) -> None:
    """Unknown repositories, tags and manifests are said to be so."""
    with pytest.raises(NameUnknown):
        await house.registry.catalogue.reclaim(NAME, None)
    await push(house.registry, NAME, images.image(), "latest")
    for reference in (Tag("never"), Digest.of(b"never")):
        with pytest.raises(ManifestUnknown):
            await house.registry.catalogue.reclaim(NAME, reference)
