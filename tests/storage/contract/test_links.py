# SPDX-License-Identifier: Apache-2.0
"""Links: what a repository holds and what its tags point to."""

import asyncio

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.storage.ports import Storage
from support.rooms import NAME, OTHER, Workers

ONE, TWO = Digest.of(b"1"), Digest.of(b"2")
LONG = Digest.of(b"1", "sha512")
LATEST = Tag("latest")


async def test_layers(storage: Storage) -> None:
    """A blob is held by the repository that linked it, by no other, until it is removed."""
    links = storage.links
    assert await links.read_layer(NAME, ONE) is None
    for digest in (ONE, LONG):
        await links.write_layer(NAME, digest)
        assert await links.read_layer(NAME, digest) == digest
    assert await links.read_layer(OTHER, ONE) is None
    assert await links.list_layers(NAME) == sorted([ONE, LONG])
    await links.remove_layers(NAME, [ONE])
    assert await links.read_layer(NAME, ONE) is None
    assert await links.list_layers(NAME) == [LONG]


async def test_revisions(storage: Storage) -> None:
    """A manifest is held by the repository that linked it, by no other, until it is removed."""
    links = storage.links
    assert not await links.has_revision(NAME, ONE)
    for digest in (ONE, LONG):
        await links.write_manifest(NAME, digest, b"{}", ())
        assert await links.has_revision(NAME, digest)
    assert not await links.has_revision(OTHER, ONE)
    assert await links.list_revisions(NAME) == sorted([ONE, LONG])
    await links.remove_revisions(NAME, [ONE])
    assert not await links.has_revision(NAME, ONE)
    assert await links.list_revisions(NAME) == [LONG]


async def test_layers_and_revisions_are_apart(storage: Storage) -> None:
    """A blob that is held is no manifest, and the other way round."""
    await storage.links.write_layer(NAME, ONE)
    await storage.links.write_manifest(NAME, TWO, b"{}", ())
    assert not await storage.links.has_revision(NAME, ONE)
    assert await storage.links.read_layer(NAME, TWO) is None


async def test_tags_move(storage: Storage) -> None:
    """A tag points to what was written last, until it is removed with its history."""
    links = storage.links
    assert await links.read_tag(NAME, LATEST) is None
    for digest in (ONE, LONG, TWO):
        await links.write_manifest(NAME, digest, b"{}", (LATEST,))
        assert await links.read_tag(NAME, LATEST) == digest
    assert await links.read_tag(OTHER, LATEST) is None
    await links.remove_tags(NAME, [LATEST])
    assert await links.read_tag(NAME, LATEST) is None
    assert await links.list_tags(NAME) == []


async def test_many_tags_at_once(storage: Storage) -> None:
    """Several tags are written together; none is no error."""
    tags = tuple(Tag(f"v{number}") for number in range(20))
    await storage.links.write_manifest(NAME, ONE, b"{}", tags)
    await storage.links.write_manifest(NAME, TWO, b"{}", ())
    assert [await storage.links.read_tag(NAME, tag) for tag in tags] == [ONE] * 20


async def test_siblings_stay(storage: Storage) -> None:
    """Removing a tag leaves those whose names begin like it (2.8 on S3 stops there: compat.md 2.4)."""
    tags = tuple(map(Tag, ("v1", "v1-alpine", "v1.0", "v10", "v")))
    await storage.links.write_manifest(NAME, ONE, b"{}", tags)
    await storage.links.remove_tags(NAME, [Tag("v1")])
    assert await storage.links.list_tags(NAME) == ["v", "v1-alpine", "v1.0", "v10"]


async def test_twice_is_no_error(storage: Storage) -> None:
    """Writing what is there and removing what is not are no errors."""
    links = storage.links
    for _ in range(2):
        await links.write_layer(NAME, ONE)
        await links.write_manifest(NAME, ONE, b"{}", ())
        await links.write_manifest(NAME, ONE, b"{}", (LATEST,))
    assert await links.read_tag(NAME, LATEST) == ONE
    for _ in range(2):
        await links.remove_layers(NAME, [ONE])
        await links.remove_revisions(NAME, [ONE])
        await links.remove_tags(NAME, [LATEST])
    assert (await links.read_layer(NAME, ONE), await links.read_tag(NAME, LATEST)) == (None, None)


async def test_tags_are_sorted_bytewise(storage: Storage) -> None:
    """Tags are listed in bytewise order, whatever order they were written in."""
    tags = [Tag(text) for text in ("b", "a", "B", "_", "1", "a-1", "a.1", "a_1", "10", "2")]
    for tag in tags:
        await storage.links.write_manifest(NAME, ONE, b"{}", (tag,))
    assert await storage.links.list_tags(NAME) == ["1", "10", "2", "B", "_", "a", "a-1", "a.1", "a_1", "b"]


async def test_lists_of_nothing(storage: Storage) -> None:
    """An unknown repository holds nothing, and asking makes it no repository."""
    links = storage.links
    assert await links.list_tags(NAME) == []
    assert await links.list_layers(NAME) == []
    assert await links.list_revisions(NAME) == []
    assert [name async for name in links.repositories()] == []


async def test_repositories(storage: Storage) -> None:
    """Repositories that hold something are listed in bytewise order, all of them or those behind a name."""
    texts = ["zz/b", "zz", "zz-a", "zz.c", "zz-a/d", "a/b/c", "a/b0", "m"]
    for text in texts:
        await storage.links.write_layer(RepositoryName(text), ONE)
    assert [name async for name in storage.links.repositories()] == sorted(texts)
    for after in ("a", "a/b", "a/b/c", "a/b0", "b", "m", "mm", "zz", "zz-a", "zz-a/d", "zz/", "zz/b", "zzz"):
        behind = [text for text in sorted(texts) if text > after]
        assert [name async for name in storage.links.repositories(after)] == behind, after


async def test_repositories_of_manifests_and_uploads(storage: Storage) -> None:
    """A repository with only manifests is one; one in which only an upload began is none."""
    await storage.links.write_manifest(NAME, ONE, b"{}", ())
    await storage.uploads.start(OTHER, "sha256")
    assert [name async for name in storage.links.repositories()] == [NAME]


async def test_names_like_our_directories(storage: Storage) -> None:
    """Names and tags that look like the layout's own words are names and tags."""
    name = RepositoryName("layers/manifests/tags/current/link")
    await storage.links.write_manifest(name, ONE, b"{}", (Tag("_manifests"), Tag("current"), Tag("link")))
    await storage.links.write_manifest(name, ONE, b"{}", ())
    assert [found async for found in storage.links.repositories()] == [name]
    assert await storage.links.list_tags(name) == ["_manifests", "current", "link"]


async def test_readers_never_see_half(workers: Workers) -> None:
    """While one worker moves a tag to and fro, another reads one of both values at every moment."""
    await workers.first.links.write_manifest(NAME, ONE, b"{}", (LATEST,))
    seen = set()

    async def write() -> None:
        for _ in range(20):
            await workers.first.links.write_manifest(NAME, TWO, b"{}", (LATEST,))
            await workers.first.links.write_manifest(NAME, ONE, b"{}", (LATEST,))

    writing = asyncio.ensure_future(write())
    while not writing.done():
        seen.add(await workers.second.links.read_tag(NAME, LATEST))
        await asyncio.sleep(0)
    await writing
    assert seen <= {ONE, TWO}
