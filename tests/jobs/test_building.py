# SPDX-License-Identifier: Apache-2.0
"""The index built from storage: everything that can be served, and nothing else; again after an interruption."""

import pytest

from entrepot.jobs.building import Progress, build_index, is_complete
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from support import images
from support.houses import House, differences, plant, push, read_blob
from support.rooms import NAME

REPOSITORIES = [RepositoryName(text) for text in ("a", "a/b", "z")]


class Killed(Exception):
    """The process dies here."""


def ignore(_: Progress) -> None:
    """Nobody looks at the progress."""


async def test_empty_storage(house: House) -> None:
    """Over empty storage the index is complete at once."""
    assert not is_complete(house.index)
    assert await build_index(house.storage, house.index, ignore) == Progress()
    assert is_complete(house.index)


async def test_everything_is_found(house: House) -> None:
    """Repositories, manifests of every kind, tags and blobs are known afterwards, and served."""
    contents = [images.image(), images.index(), images.image(style="docker", algorithm="sha512")]
    for name, content in zip(REPOSITORIES, contents, strict=True):
        await plant(house.storage, name, content, "latest", "1.0")
    referrer = images.artifact(subject=contents[0])
    await plant(house.storage, REPOSITORIES[0], referrer)
    reports: list[int] = []
    found = await build_index(house.storage, house.index, lambda progress: reports.append(progress.repositories))
    assert reports == [1, 2, 3]
    assert (found.repositories, found.manifests, found.tags) == (3, 6, 6)
    assert await differences(house) == []
    for name, content in zip(REPOSITORIES, contents, strict=True):
        pulled = house.registry.manifests.peek(name, Tag("1.0"))
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
    await build_index(house.storage, house.index, ignore)
    digest = Digest(content.blobs[0].digest)
    assert house.index.lookups.blob(NAME, digest) is not None
    assert house.index.lookups.verified_size(digest) is None


async def test_interrupted(house: House) -> None:
    """Killed in the middle it is not complete, and begins again to the same end."""
    for name in REPOSITORIES:
        await plant(house.storage, name, images.image(), "latest")

    def die(progress: Progress) -> None:
        if progress.repositories == 2:
            raise Killed

    with pytest.raises(Killed):
        await build_index(house.storage, house.index, die)
    assert not is_complete(house.index)
    assert await differences(house) != []
    with house.another() as again:
        await build_index(again.storage, again.index, ignore)
        assert is_complete(again.index)
    assert is_complete(house.index)
    assert await differences(house) == []


async def test_built_twice(house: House) -> None:
    """Building over an index that is there changes nothing."""
    await push(house.registry, NAME, images.index(), "latest")
    for _ in range(2):
        await build_index(house.storage, house.index, ignore)
        assert await differences(house) == []


async def test_what_cannot_be_served_is_left_out(house: House) -> None:
    """Damaged manifests, links without bytes and tags without manifests are passed over; the rest is found."""
    content = images.image()
    await plant(house.storage, NAME, content, "good")
    for payload, tag in ((b"{", "broken"), (b'{"schemaVersion": 1}', "old")):
        await house.storage.links.write_manifest(NAME, Digest.of(payload), payload, (Tag(tag),))
    await house.storage.links.write_layer(NAME, Digest.of(b"no bytes"))
    await build_index(house.storage, house.index, ignore)
    assert await house.index.lists.tags(NAME, "", -1) == ["good"]
    assert await house.index.lists.revisions(NAME, "", 9) == [content.digest]
    assert house.index.lookups.blob(NAME, Digest.of(b"no bytes")) is None
    assert len(await house.index.lists.layers(NAME, "", 9)) == len(content.blobs)


async def test_many_tags(house: House) -> None:
    """A repository with more names than one transaction takes is found whole."""
    await plant(house.storage, NAME, images.image(), *(f"v{number}" for number in range(450)))
    assert (await build_index(house.storage, house.index, ignore)).tags == 450
    assert len(await house.index.lists.tags(NAME, "", -1)) == 450
