# SPDX-License-Identifier: Apache-2.0
"""Adoption: everything in storage that can be served is known, and nothing else; it goes on after an interruption."""

from collections.abc import Callable

import pytest

from entrepot.jobs.adopting import adopt
from entrepot.oci.digests import Digest
from entrepot.oci.errors import ManifestUnknown
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.adoption import Adoption, take_turns
from support import images
from support.houses import House, differences, plant, push, read_blob
from support.rooms import NAME

REPOSITORIES = [RepositoryName(text) for text in ("a", "a/b", "z")]


class Killed(Exception):
    """The process dies here."""


def ignore(_: int) -> None:
    """Nobody looks at the progress."""


async def adopt_all(house: House, report: Callable[[int], None] = ignore) -> int | None:
    """Adopt what storage holds; how many repositories that are."""
    return await adopt(
        house.storage, house.index, Adoption(house.storage, house.index, house.names), take_turns, report
    )


async def test_empty_storage(house: House) -> None:
    """Over empty storage the index is complete at once."""
    assert not await house.index.completeness.whole()
    assert await adopt_all(house) == 0
    assert await house.index.completeness.whole()


async def test_everything_is_found(house: House) -> None:
    """Repositories, manifests of every kind, tags and blobs are known afterwards, and served."""
    contents = [images.image(), images.index(), images.image(style="docker", algorithm="sha512")]
    for name, content in zip(REPOSITORIES, contents, strict=True):
        await plant(house.storage, name, content, "latest", "1.0")
    referrer = images.artifact(subject=contents[0])
    await plant(house.storage, REPOSITORIES[0], referrer)
    reports: list[int] = []
    assert await adopt_all(house, reports.append) == 3
    assert reports == [3]
    assert await differences(house) == []
    for name, content in zip(REPOSITORIES, contents, strict=True):
        pulled = await house.registry.manifests.peek(name, Tag("1.0"))
        assert pulled is not None
        assert (pulled.payload, pulled.media_type) == (content.data, content.media_type)
        for blob in content.blobs:
            assert await read_blob(house.registry, name, Digest(blob.digest)) == blob.data
    page = await house.registry.catalogue.referrers(REPOSITORIES[0], Digest(contents[0].digest), None, "")
    assert [one.manifest.digest for one in page.entries] == [referrer.digest]


async def test_adopted_bytes_are_not_trusted(house: House) -> None:
    """Bytes that another program wrote count as not verified: pushing them again writes them again."""
    content = images.image()
    await plant(house.storage, NAME, content)
    await adopt_all(house)
    digest = Digest(content.blobs[0].digest)
    assert await house.index.lookups.blob(NAME, digest) is not None
    assert await house.index.lookups.verified_size(digest) is None


async def test_interrupted(house: House) -> None:
    """Killed in the middle some repositories are complete; the next goes on with the others to the same end."""
    names = [RepositoryName(f"r{number:02}") for number in range(40)]
    for name in names:
        await plant(house.storage, name, images.image(layers=1), "latest")

    def die(repositories: int) -> None:
        if repositories >= 20:
            raise Killed

    with pytest.raises(Killed):
        await adopt_all(house, die)
    assert not await house.index.completeness.whole()
    assert await house.index.completeness.of(names[0])
    assert not await house.index.completeness.of(names[-1])
    assert await differences(house) != []
    with house.another() as again:
        assert await adopt_all(again) == 40
        assert await again.index.completeness.whole()
    assert await house.index.completeness.whole()
    assert await differences(house) == []


async def test_adopted_twice(house: House) -> None:
    """Over an index that has it all nothing changes, and the second time nothing is read."""
    await push(house.registry, NAME, images.index(), "latest")
    for _ in range(2):
        await adopt_all(house)
        assert await differences(house) == []


async def test_what_cannot_be_served_is_left_out(house: House) -> None:
    """Links without bytes and tags without manifests are passed over; damaged manifests and those of old kinds are
    known to be there, and cannot be pulled; the rest is found.
    """
    content = images.image()
    await plant(house.storage, NAME, content, "good")
    opaque = [b"{", b'{"schemaVersion": 1}']
    for payload, tag in zip(opaque, ("broken", "old"), strict=True):
        await house.storage.links.write_manifest(NAME, Digest.of(payload), payload, (Tag(tag),))
    await house.storage.links.write_layer(NAME, Digest.of(b"no bytes"))
    await adopt_all(house)
    assert await house.index.lists.tags(NAME, "", -1) == ["good"]
    known = await house.index.lists.revisions(NAME, "", 9)
    assert known == sorted([content.digest, *map(Digest.of, opaque)])
    for payload in opaque:
        with pytest.raises(ManifestUnknown):
            await house.registry.manifests.get(NAME, Digest.of(payload))
    assert await house.index.lookups.blob(NAME, Digest.of(b"no bytes")) is None
    assert len(await house.index.lists.layers(NAME, "", 9)) == len(content.blobs)


async def test_many_tags(house: House) -> None:
    """A repository with more names than one transaction takes is found whole."""
    await plant(house.storage, NAME, images.image(), *(f"v{number}" for number in range(450)))
    await adopt_all(house)
    assert len(await house.index.lists.tags(NAME, "", -1)) == 450
