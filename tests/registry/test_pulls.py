# SPDX-License-Identifier: Apache-2.0
"""Counts of pulls: gathered on the way, written in batches, gone with what they count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.index.pulls import PullCount
from entrepot.jobs.collecting import collect
from entrepot.jobs.settings import CollectorSettings
from entrepot.oci.callers import THE_REGISTRY
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry import pulls
from entrepot.registry.adoption import take_turns
from entrepot.registry.pulls import PullCounts
from entrepot.registry.registry import join
from entrepot.registry.settings import RegistrySettings
from support import images
from support.houses import House, push, push_manifest
from support.rooms import NAME

if TYPE_CHECKING:
    from entrepot.oci.names import Reference

LATEST = Tag("latest")


@pytest.fixture
async def digest(house: House) -> Digest:
    """An image under a tag."""
    await house.index.completeness.mark_whole()
    return await push(house.registry, NAME, images.image(), LATEST)


async def counted(house: House, *references: Reference) -> list[int | None]:
    """How often each was pulled."""
    found = [await house.index.pulls.get(NAME, reference) for reference in references]
    return [None if one is None else one.count for one in found]


async def pull(house: House, digest: Digest, *references: Reference) -> None:
    """Pull it by each of these names, and write that down."""
    counts = PullCounts(house.index.pulls)
    for reference in references:
        counts.note((NAME, reference, digest))
    assert await counts.write(0) == 0


async def expire(house: House) -> None:
    """A round of the collector for which everything in the trash is due."""
    await collect(house.storage, house.index, CollectorSettings(grace=0), take_turns)


async def test_sums(house: House, digest: Digest) -> None:
    """A pull by tag counts for the tag and for the manifest, one by digest for the manifest; the last time is kept,
    and an earlier one that is told later does not replace it.
    """
    assert await counted(house, LATEST, digest) == [None, None]
    await pull(house, digest, LATEST, LATEST, digest)
    await pull(house, digest, digest)
    assert await counted(house, LATEST, digest) == [2, 4]
    for at, last in ((5e9, 5e9), (4e9, 5e9)):
        await house.index.pulls.add([PullCount(NAME, LATEST, 1, at)])
        known = await house.index.pulls.get(NAME, LATEST)
        assert known is not None
        assert known.last_at == last


async def test_many(house: House, digest: Digest, monkeypatch: pytest.MonkeyPatch) -> None:
    """More names than one transaction takes are all written; more than fit are lost and counted."""
    monkeypatch.setattr(pulls, "MOST", 450)
    made = images.image()
    tags = [Tag(f"t{number}") for number in range(450)]
    await push(house.registry, NAME, made, *tags)
    counts = PullCounts(house.index.pulls)
    for tag in (*tags, LATEST, LATEST, *tags):
        counts.note((NAME, tag, Digest(made.digest)))
    assert await counts.write(0) == 2
    assert await counted(house, *tags, Digest(made.digest), digest) == [2] * 450 + [900, None]


async def test_what_is_not_there(house: House, digest: Digest) -> None:
    """Counts that come after a deletion for good make no row."""
    await house.registry.manifests.untag(NAME, LATEST, purge=True)
    await expire(house)
    await pull(house, digest, LATEST)
    await house.index.pulls.add([PullCount(RepositoryName("never/was"), LATEST, 1, 1.0)])
    assert await counted(house, LATEST, digest) == [None, None]


@pytest.mark.parametrize("what", ["tag", "manifest", "repository"])
async def test_restoring_keeps_them(house: House, digest: Digest, what: str) -> None:
    """What was deleted and comes back goes on counting, although the collector ran in between."""
    await pull(house, digest, LATEST)
    registry = house.registry
    if what == "tag":
        await registry.manifests.untag(NAME, LATEST)
    elif what == "manifest":
        await registry.manifests.remove(NAME, digest)
    else:
        await registry.repositories.remove(NAME, THE_REGISTRY)
    await expire(house)
    await registry.trash.restore_repository(NAME, THE_REGISTRY)
    assert await registry.manifests.peek(NAME, LATEST) is not None
    await pull(house, digest, LATEST)
    assert await counted(house, LATEST, digest) == [2, 2]
    assert await house.index.pulls.prune(1e12) == 0


@pytest.mark.parametrize("what", ["tag", "manifest", "repository"])
async def test_they_go_with_what_is_purged(house: House, digest: Digest, what: str) -> None:
    """What is deleted for good takes its counts along; those of a tag that stays stay."""
    other = await push(house.registry, NAME, images.image(), "other")
    await pull(house, digest, LATEST)
    await pull(house, other, Tag("other"))
    registry = house.registry
    if what == "tag":
        await registry.manifests.untag(NAME, LATEST, purge=True)
    elif what == "manifest":
        await registry.manifests.remove(NAME, digest, purge=True)
    else:
        await registry.repositories.remove(NAME, THE_REGISTRY, purge=True)
    await expire(house)
    left = None if what == "repository" else 1
    assert await counted(house, LATEST, digest, Tag("other"), other) == [None, None, left, left]


async def test_they_go_when_the_trash_expires(house: House, digest: Digest) -> None:
    """Counts of a manifest and its tag go when neither can be restored any more, those of a tag whose manifest lives on
    too.
    """
    registry = join(house.storage, house.index, RegistrySettings(delete_enabled=True, trash_age=0.001))
    living = images.image()
    await push(house.registry, NAME, living, "stays")
    await push_manifest(house.registry, NAME, living, "goes")
    await pull(house, digest, LATEST)
    await pull(house, Digest(living.digest), Tag("goes"))
    await registry.manifests.untag(NAME, LATEST)
    await registry.manifests.untag(NAME, Tag("goes"))
    assert await counted(house, LATEST, digest, Tag("goes")) == [1, 1, 1]
    await expire(house)
    assert await counted(house, LATEST, digest, Tag("goes"), Digest(living.digest)) == [None, None, None, 1]


def test_read_only(house: House) -> None:
    """Where nothing may be written nothing is counted."""
    assert join(house.storage, house.index, RegistrySettings(readonly=True)).pulls.counts is None
    assert house.registry.pulls.counts is not None
