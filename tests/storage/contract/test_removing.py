# SPDX-License-Identifier: Apache-2.0
"""Bytes that go, the locks under which they do, and what remains of an empty repository."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import Unavailable
from entrepot.oci.names import RepositoryName, Tag
from entrepot.storage import digest_locks
from support.rooms import NAME, Workers, store, visible

if TYPE_CHECKING:
    from entrepot.storage.ports import Storage

ONE, TWO = Digest.of(b"1"), Digest.of(b"2")
NESTED = RepositoryName(f"{NAME}/nested")


async def test_bytes_go(storage: Storage) -> None:
    """Bytes are removed by digest, others stay; what is not there is no error, and they can come again."""
    one, two = await store(storage, b"1"), await store(storage, b"2", algorithm="sha512", announced="sha512")
    assert await visible(storage, [one, two]) == [True, True]
    for _ in range(2):
        await storage.blobs.remove([one, TWO])
    assert await visible(storage, [one, two]) == [False, True]
    await store(storage, b"1")
    assert await visible(storage, [one, two]) == [True, True]


async def test_walking(storage: Storage) -> None:
    """All digests with bytes are found with their sizes, whatever algorithm; what was removed is not."""
    assert [found async for found in storage.blobs.walk()] == []
    one, two = await store(storage, b"1"), await store(storage, b"22", algorithm="sha512", announced="sha512")
    await storage.links.write_manifest(NAME, ONE, b"333", ())
    assert one == ONE
    assert {found async for found in storage.blobs.walk()} == {(ONE, 3), (two, 2)}
    await storage.blobs.remove([ONE])
    assert [found async for found in storage.blobs.walk()] == [(two, 2)]


async def test_shared_digests_cannot_be_claimed(workers: Workers) -> None:
    """While any share a digest nobody claims it, and the others can be claimed; afterwards it can."""
    first, second = workers.first.locks, workers.second.locks
    async with first.share(ONE):
        async with second.share(ONE), second.claim([ONE, TWO]) as claimed:
            assert claimed == {TWO}
        async with second.claim([ONE]) as claimed:
            assert claimed == frozenset()
    async with second.claim([ONE, TWO]) as claimed:
        assert claimed == {ONE, TWO}


async def test_sharing_waits_for_a_claim(workers: Workers) -> None:
    """Who wants to share a digest that is claimed waits until it is let go; another digest is shared at once."""
    reached = []

    async def share() -> None:
        async with workers.second.locks.share(ONE):
            reached.append(ONE)

    async with workers.first.locks.claim([ONE]) as claimed:
        assert claimed == {ONE}
        waiting = asyncio.ensure_future(share())
        async with workers.second.locks.share(TWO):
            await asyncio.sleep(0.05)
        assert reached == []
        async with workers.second.locks.claim([ONE]) as again:
            assert again == frozenset()
    await waiting
    assert reached == [ONE]


async def test_sharing_ends_in_an_error(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digest that stays claimed: 503 with Retry-After."""
    monkeypatch.setattr(digest_locks, "PATIENCE", 0.05)
    async with workers.first.locks.claim([ONE]):
        with pytest.raises(Unavailable) as caught:
            async with workers.second.locks.share(ONE):
                pass
    assert caught.value.headers["Retry-After"] == "5"


async def test_what_remains_of_a_repository(storage: Storage) -> None:
    """Once all its names are removed a repository is not listed; one that holds something stays, also below it."""
    links = storage.links
    for name in (NAME, NESTED):
        await links.write_manifest(name, ONE, b"{}", (Tag("latest"),))
        await links.write_layer(name, TWO)
    await links.remove_skeleton(NAME)
    assert [name async for name in links.repositories()] == [NAME, NESTED]
    await links.remove_tags(NAME, [Tag("latest")])
    await links.remove_revisions(NAME, [ONE])
    await links.remove_skeleton(NAME)
    assert [name async for name in links.repositories()] == [NAME, NESTED]
    await links.remove_layers(NAME, [TWO])
    await links.remove_skeleton(NAME)
    assert [name async for name in links.repositories()] == [NESTED]
    assert await links.read_tag(NESTED, Tag("latest")) == ONE
    await links.write_manifest(NAME, ONE, b"{}", (Tag("latest"),))
    assert await links.read_tag(NAME, Tag("latest")) == ONE
