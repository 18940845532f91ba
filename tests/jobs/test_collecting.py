# SPDX-License-Identifier: Apache-2.0
"""The collector: all that nothing needs goes, nothing else does, whoever pushes meanwhile."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from entrepot.jobs import collecting, tenure
from entrepot.jobs.adopting import adopt
from entrepot.jobs.clock import Clock
from entrepot.jobs.collecting import collect
from entrepot.jobs.settings import CollectorSettings
from entrepot.jobs.tenure import Busy
from entrepot.oci.callers import THE_REGISTRY
from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUnknown, Unavailable
from entrepot.oci.names import Tag
from entrepot.registry.adoption import REPORT_FIRST, Adoption, take_turns
from entrepot.registry.agreement import Disagreement
from entrepot.registry.asking import ASKED
from support import images
from support.houses import differences, plant, push, push_blob, push_manifest, read_blob
from support.rooms import NAME, OTHER, store, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.registry.collection import Tally
    from support.houses import House
    from support.images import Manifest

LATEST = Tag("latest")
AT_ONCE = CollectorSettings(grace=0)


@pytest.fixture(autouse=True)
async def whole(house: House) -> None:
    """All that storage holds is known."""
    await house.index.completeness.mark_whole()


async def run(house: House, settings: CollectorSettings = AT_ONCE, *, dry: bool = False) -> Tally:
    """One round."""
    tally, _ = await collect(house.storage, house.index, settings, take_turns, dry=dry)
    return tally


async def stored(house: House) -> set[Digest]:
    """Every digest that has bytes."""
    return {digest async for digest, _ in house.storage.blobs.walk()}


def everything(*contents: Manifest) -> set[Digest]:
    """Every digest of these manifests, their children and their blobs."""
    found = set()
    for content in contents:
        for one in content.walk():
            found |= {Digest(one.digest), *(Digest(blob.digest) for blob in one.blobs)}
    return found


async def purge(house: House, tag: str) -> None:
    """Delete a tag for good."""
    await house.registry.manifests.untag(NAME, Tag(tag), purge=True)


async def test_what_nothing_needs_goes(house: House) -> None:
    """After an index was purged its bytes are gone, but those that another image shares; a second round finds none."""
    shared = images.image()
    index, other = images.index([shared, images.image()]), images.index([shared])
    signature = images.artifact(subject=index)
    await push(house.registry, NAME, index, "index")
    await push(house.registry, NAME, signature)
    await push(house.registry, NAME, other, "other")
    assert await stored(house) == everything(index, signature, other)
    assert (await run(house)).blobs == 0
    await purge(house, "index")
    tally = await run(house)
    gone = everything(index, signature) - everything(other)
    assert await stored(house) == everything(other)
    assert (tally.expired, tally.blobs) == (3, len(gone))
    assert (await run(house)).blobs == 0
    assert await differences(house) == []


async def test_the_trash_is_a_reference(house: House) -> None:
    """What is in the trash, linked or not, keeps its bytes and comes back after any number of rounds."""
    hidden, removed = images.index(), images.image()
    await push(house.registry, NAME, hidden, "hidden")
    digest = await push(house.registry, NAME, removed, "removed")
    await house.registry.manifests.untag(NAME, Tag("hidden"))
    await house.registry.manifests.remove(NAME, digest)
    await push(house.registry, OTHER, removed, "removed")
    await house.registry.repositories.remove(OTHER, THE_REGISTRY)
    before = await stored(house)
    for _ in range(2):
        assert (await run(house)).blobs == 0
    assert await stored(house) == before == everything(hidden, removed)
    await house.registry.trash.restore_tag(NAME, Tag("hidden"), None, THE_REGISTRY)
    await house.registry.trash.restore_repository(OTHER, THE_REGISTRY)
    for blob in removed.blobs:
        assert await read_blob(house.registry, OTHER, Digest(blob.digest)) == blob.data


async def test_grace(house: House) -> None:
    """Blobs without a manifest stay for the grace since somebody asked for them; one that is asked for stays longer."""
    asked, silent = await push_blob(house.registry, NAME, b"asked"), await push_blob(house.registry, NAME, b"silent")
    assert (await run(house, CollectorSettings(grace=60))).links == 0
    await asyncio.sleep(0.3)
    impatient = house.registry.blobs
    impatient._settings = type(impatient._settings)(delete_enabled=True, touch_interval=0.1)
    await impatient.look(NAME, asked)
    tally = await run(house, CollectorSettings(grace=0.2))
    assert (tally.links, tally.blobs) == (1, 1)
    assert await visible(house.storage, [asked, silent]) == [True, False]
    with pytest.raises(BlobUnknown):
        await impatient.look(NAME, silent)


async def test_dry(house: House) -> None:
    """A dry round counts what the next one takes, and takes nothing."""
    await push(house.registry, NAME, images.image(), "latest")
    await purge(house, "latest")
    blob = await push_blob(house.registry, OTHER, b"unnamed")
    before = await stored(house)
    tally = await run(house, dry=True)
    assert (tally.expired, tally.links) == (1, 1)
    assert await stored(house) == before
    assert await house.storage.links.read_layer(OTHER, blob) == blob
    tally = await run(house)
    assert (tally.expired, tally.links, tally.blobs) == (1, 4, 5)
    assert await stored(house) == set()


async def test_bytes_of_which_nobody_knows(house: House) -> None:
    """Bytes without a link, left by a crash or another program, are found and go once the grace is over."""
    digest = await store(house.storage, b"left behind", name=OTHER)
    await house.storage.links.remove_layers(OTHER, [digest])
    tally = await run(house, CollectorSettings(grace=60))
    assert (tally.found, tally.blobs) == (1, 0)
    tally = await run(house)
    assert (tally.found, tally.blobs, tally.size) == (0, 1, 11)
    assert await stored(house) == set()


async def test_what_is_not_understood_stays(house: House) -> None:
    """Manifests of old kinds keep their bytes, and every blob of their repository."""
    payload = b'{"schemaVersion": 1, "fsLayers": []}'
    old = Digest.of(payload)
    await house.storage.links.write_manifest(NAME, old, payload, (Tag("old"),))
    layer = await store(house.storage, b"a layer of it")
    await Adoption(house.storage, house.index, house.names).compare(NAME, take_turns)
    for _ in range(2):
        await run(house)
    assert await visible(house.storage, [old, layer]) == [True, True]


async def test_pushed_again(house: House) -> None:
    """What was collected can be pushed again, whole."""
    content = images.image()
    for _ in range(3):
        await push(house.registry, NAME, content, "latest")
        assert await stored(house) == everything(content)
        await purge(house, "latest")
        await run(house)
        assert await stored(house) == set()
    await push(house.registry, NAME, content, "latest")
    assert (await house.registry.manifests.get(NAME, LATEST)).payload == content.data
    assert await read_blob(house.registry, NAME, Digest(content.blobs[0].digest)) == content.blobs[0].data


async def test_a_commit_under_way(house: House) -> None:
    """Bytes that a push is just committing are left alone, although nothing names them yet."""
    digest = await store(house.storage, b"arriving", name=OTHER)
    await house.storage.links.remove_layers(OTHER, [digest])
    async with house.storage.locks.share(digest):
        tally = await run(house)
        assert (tally.blobs, tally.busy) == (0, 1)
        assert await visible(house.storage, [digest]) == [True]
    assert (await run(house)).blobs == 1


async def test_pinned(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A blob that a push needs just now keeps its link; the round passes over it."""
    monkeypatch.setattr("entrepot.registry.names.PATIENCE", 0.1)
    content = images.image()
    for blob in content.blobs:
        await push_blob(house.registry, NAME, blob.data)
    from entrepot.index.facts import Change, Name

    pins = tuple(Name("blob", blob.digest) for blob in content.blobs)
    async with house.names.hold(Change(NAME, (Name("manifest", content.digest),), pins)) as held:
        assert (await run(house)).busy == len(pins)
        held.finish()
    await push_manifest(house.registry, NAME, content, "latest")
    assert (await run(house)).links == 0


async def test_nothing_is_collected_where_both_disagree(house: House) -> None:
    """Where storage holds manifests that the index does not know, the round ends before anything goes."""
    await push(house.registry, NAME, images.image(), "goes")
    await purge(house, "goes")
    for number in range(5):
        await plant(house.storage, OTHER, images.image(), f"v{number}")
    before = await stored(house)
    with pytest.raises(Disagreement, match="index rebuild"):
        await run(house)
    assert await stored(house) == before
    await Adoption(house.storage, house.index, house.names).compare(OTHER, take_turns)
    assert (await run(house)).blobs > 0


async def test_the_first_round_after_adopting_reports(house: House) -> None:
    """Adopted data is only counted in the first round, and collected in the second."""
    await house.index.kept.drop("complete")
    await plant(house.storage, NAME, images.image(), "latest")
    left = await store(house.storage, b"of a deleted image")
    with house.another() as fresh:
        adoption = Adoption(fresh.storage, fresh.index, fresh.names)
        assert await adopt(fresh.storage, fresh.index, adoption, take_turns, lambda _: None) == 1
        assert await fresh.index.kept.get(REPORT_FIRST) is not None
        tally, dry = await collect(fresh.storage, fresh.index, AT_ONCE, take_turns)
        assert (tally.links, dry) == (1, True)
        assert await visible(house.storage, [left]) == [True]
        tally, dry = await collect(fresh.storage, fresh.index, AT_ONCE, take_turns)
        assert (tally.links, dry) == (1, False)
    assert await visible(house.storage, [left]) == [False]


async def test_one_at_a_time(house: House) -> None:
    """While one process collects another is told so; when that one dies, or its lease is over, it can."""
    with house.another() as other:
        assert await other.index.leases.take(collecting.JOB, tenure.LEASE_SECONDS)
        with pytest.raises(Busy):
            await run(house)
        assert await other.index.leases.take(collecting.JOB, 0.05)
        await asyncio.sleep(0.1)
        await run(house)
        assert await other.index.leases.take(collecting.JOB, 60)
    await run(house)


async def test_a_lease_in_the_future(house: House) -> None:
    """A lease that a clock ahead wrote does not last for years."""
    with house.another() as other:
        assert await other.index.leases.take(collecting.JOB, 10 * 365 * 24 * 3600)
        await run(house)


def test_a_clock_that_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that was set is noticed once; from then on it counts as it is."""
    clock = Clock.start()
    assert clock.steady()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3600)
    assert not clock.steady()
    assert clock.steady()


async def churn(house: House, rounds: int, contents: Sequence[Manifest], name: str) -> int:
    """Push and purge the same images again and again; returns how often a push had to begin anew."""
    again = 0
    for number in range(rounds):
        content = contents[number % len(contents)]
        while True:
            try:
                await push(house.registry, NAME, content, name)
                break
            except Exception:  # noqa: BLE001 - with no grace a blob may go before its manifest comes
                again += 1
        assert (await house.registry.manifests.get(NAME, Tag(name))).payload == content.data
        for one in content.walk():
            for blob in one.blobs:
                assert await read_blob(house.registry, NAME, Digest(blob.digest)) == blob.data
        if number % 3:
            await purge(house, name)
    return again


async def test_pushes_go_on(house: House) -> None:
    """While the collector runs without a pause and without grace, every image that was pushed pulls whole; at the end
    just what is referenced has bytes.
    """
    shared = images.image()
    contents = [shared, images.index([shared]), images.image(), images.index()]
    done = False

    async def collect_on() -> None:
        while not done:
            await run(house)
            await asyncio.sleep(0)

    collector = asyncio.ensure_future(collect_on())
    await asyncio.gather(*(churn(house, 12, contents, f"tag-{number}") for number in range(4)))
    done = True
    await collector
    await run(house)
    living = await house.index.lists.revisions(NAME, "", 100)
    assert living, "an image whose tag was moved on stays"
    assert await stored(house) == everything(*(content for content in contents if content.digest in living))
    assert await differences(house) == []


async def test_named_but_not_linked(house: House) -> None:
    """A layer whose link somebody deleted keeps its bytes while a manifest names it."""
    content = images.image()
    await push(house.registry, NAME, content, "latest")
    layer = Digest(content.blobs[-1].digest)
    await house.registry.blobs.remove(NAME, layer)
    assert (await run(house)).blobs == 0
    assert await visible(house.storage, [layer]) == [True]
    await purge(house, "latest")
    await run(house)
    assert await visible(house.storage, [layer]) == [False]


async def test_an_index_that_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the index cannot be read, waiting for the next round goes on; once it can, a wish is heard."""
    away = True
    get = house.index.kept.get

    async def read(key: str) -> str | None:
        if away:
            raise Unavailable("the index is away")
        return await get(key)

    monkeypatch.setattr(type(house.index.kept), "get", lambda _, key: read(key))
    monkeypatch.setattr(collecting, "POLL_SECONDS", 0.01)
    waiting = asyncio.ensure_future(collecting._wait(house.index, None, 10))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    away = False
    await house.index.kept.keep(ASKED, "now")
    assert await asyncio.wait_for(waiting, 5) == "now"
