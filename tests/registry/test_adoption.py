# SPDX-License-Identifier: Apache-2.0
"""While storage is being adopted: whoever asks gets what storage holds, whole, and changes take all of it along."""

import asyncio

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import NameUnknown
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.adoption import Adoption, take_turns
from support import images
from support.houses import House, differences, plant, push
from support.rooms import NAME, OTHER

TAGS = [f"v{number:03}" for number in range(450)]


def adoption(house: House) -> Adoption:
    """The adoption of one process."""
    return Adoption(house.storage, house.index, house.names)


async def test_tags(house: House) -> None:
    """The first list of tags is whole, also after one of them was pulled, and marks only that repository."""
    for name in (NAME, OTHER):
        await plant(house.storage, name, images.image(), *TAGS)
    await house.registry.manifests.get(NAME, Tag(TAGS[7]))
    assert await house.index.lists.tags(NAME, "", -1) == [TAGS[7]]
    page = await house.registry.catalogue.tags(NAME, "", -1)
    assert page.entries == TAGS
    assert await house.index.completeness.of(NAME)
    assert not await house.index.completeness.of(OTHER)
    assert not await house.registry.catalogue.complete()


async def test_referrers(house: House) -> None:
    """The first list of referrers is whole."""
    subject = images.image()
    await plant(house.storage, NAME, subject)
    planted = [await plant(house.storage, NAME, images.artifact(subject=subject)) for _ in range(3)]
    page = await house.registry.catalogue.referrers(NAME, Digest(subject.digest), None, "")
    assert [one.manifest.digest for one in page.entries] == sorted(planted)


async def test_a_removal_takes_all_tags(house: House) -> None:
    """Removing a manifest removes the tags that point to it, also those that the index had not met."""
    stays, goes = images.image(), images.image()
    await plant(house.storage, NAME, stays, "stays")
    await plant(house.storage, NAME, goes, *TAGS[:5])
    assert len(await house.storage.links.list_tags(NAME)) == 6
    await house.registry.manifests.remove(NAME, Digest(goes.digest))
    assert await house.storage.links.list_tags(NAME) == ["stays"]
    assert await differences(house) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
async def test_catalog(house: House, limit: int) -> None:
    """Pages of the catalog are those of storage, without repositories that hold no manifest; nothing is read twice."""
    names = [RepositoryName(text) for text in ("a", "a-b", "a/b", "a/b/c", "z")]
    for name in names:
        await plant(house.storage, name, images.image(layers=1), "latest")
    await house.storage.links.write_layer(RepositoryName("a/blob"), Digest.of(b"x"))
    found: list[RepositoryName] = []
    more = True
    while more:
        page = await house.registry.catalogue.repositories(found[-1] if found else "", limit)
        assert len(page.entries) == limit or not page.more
        found += page.entries
        more = page.more
    assert found == names
    assert await house.index.lists.known_repositories("", 9) == []


async def test_asking_for_nothing(house: House) -> None:
    """A repository that is not there is unknown, and asking leaves no trace of it."""
    for _ in range(2):
        with pytest.raises(NameUnknown):
            await house.registry.catalogue.tags(NAME, "", -1)
    assert not await house.index.lists.repository_known(NAME)


async def test_while_people_push(house: House) -> None:
    """A repository that is completed by two processes while tags in it move ends as its pushers left it."""
    contents = [images.image() for _ in range(3)]
    await plant(house.storage, NAME, contents[0], *TAGS)
    with house.another() as other:
        completing = asyncio.gather(
            adoption(house).complete(NAME, take_turns), adoption(other).complete(NAME, take_turns)
        )
        number = 0
        while not completing.done():
            await push(house.registry, NAME, contents[number % 3], TAGS[number % 450])
            number += 1
        await completing
    assert number > 0
    assert await differences(house) == []


async def test_what_another_process_completed(house: House) -> None:
    """What one process has marked every other knows."""
    await plant(house.storage, NAME, images.image(), "latest")
    with house.another() as other:
        assert not await other.index.completeness.of(NAME)
        await adoption(house).complete(NAME, take_turns)
        assert await other.index.completeness.of(NAME)
        assert not await other.index.completeness.whole()
        await house.index.completeness.mark_whole()
        assert await other.index.completeness.whole()
