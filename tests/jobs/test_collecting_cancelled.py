# SPDX-License-Identifier: Apache-2.0
"""A collector that is stopped between the removal of bytes and of their rows, or finds a name held."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from entrepot.index.facts import Change, Name
from entrepot.index.garbage import Bytes
from entrepot.jobs.collecting import collect
from entrepot.jobs.settings import CollectorSettings
from entrepot.oci.digests import Digest
from entrepot.oci.names import Tag
from entrepot.registry.adoption import take_turns
from support import images
from support.houses import push, push_blob
from support.rooms import NAME, OTHER, store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.houses import House

AT_ONCE = CollectorSettings(grace=0)


async def test_cancelled(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The digests stay claimed until their rows are gone, also where the round is cancelled in between: the rows of one
    who pushed the bytes again would go with them.
    """
    await house.index.completeness.mark_whole()
    digest = await store(house.storage, b"unneeded", name=OTHER)
    await house.storage.links.remove_layers(OTHER, [digest])
    forget, began = house.index.garbage.forget, asyncio.Event()
    free: list[Digest] = []

    async def forget_slowly(gone: Sequence[Bytes], now: float) -> None:
        began.set()
        await asyncio.sleep(0.2)
        async with house.storage.locks.claim([digest]) as claimed:
            free.extend(claimed)
        await forget(gone, now)

    monkeypatch.setattr(house.index.garbage, "forget", forget_slowly)
    round_ = asyncio.ensure_future(collect(house.storage, house.index, AT_ONCE, take_turns))
    await began.wait()
    round_.cancel()
    with pytest.raises(asyncio.CancelledError):
        await round_
    assert free == []
    assert (await house.index.explanations.explain(digest)).collected_at is not None


async def test_brought_back(house: House) -> None:
    """Rows that a push has just written are not those of the bytes that went."""
    digest = await push_blob(house.registry, OTHER, b"brought back")
    await house.index.garbage.forget([Bytes(digest, 12)], time.time())
    assert await house.index.lookups.blob(OTHER, digest) is not None


async def test_a_name_that_is_busy(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody holds a manifest that is due, the round goes on with the others, and the next one takes it."""
    monkeypatch.setattr("entrepot.registry.names.PATIENCE", 0.1)
    await house.index.completeness.mark_whole()
    held_one, other = images.image(), images.image()
    for name, made in ((NAME, held_one), (OTHER, other)):
        await push(house.registry, name, made, "latest")
        await house.registry.manifests.untag(name, Tag("latest"), purge=True)
    async with house.names.hold(Change(NAME, (Name("manifest", held_one.digest),))) as held:
        tally, _ = await collect(house.storage, house.index, AT_ONCE, take_turns)
        held.finish()
    assert (tally.expired, tally.busy) == (1, 1)
    assert not await house.storage.links.has_revision(OTHER, Digest(other.digest))
    assert await house.storage.links.has_revision(NAME, Digest(held_one.digest))
    tally, _ = await collect(house.storage, house.index, AT_ONCE, take_turns)
    assert (tally.expired, tally.busy) == (1, 0)
