# SPDX-License-Identifier: Apache-2.0
"""Rounds of retention: what they take along, how it can be undone, and that a preview says it exactly."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection, text

from entrepot.index.deeds import Deed
from entrepot.index.facts import Change, Name
from entrepot.index.index import open_engine, open_index
from entrepot.index.pulls import PullCount
from entrepot.jobs.collecting import collect
from entrepot.jobs.settings import CollectorSettings
from entrepot.oci.callers import THE_REGISTRY
from entrepot.oci.digests import Digest
from entrepot.oci.errors import ManifestUnknown
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.adoption import Adoption, take_turns
from entrepot.registry.events import EventWriter
from entrepot.registry.registry import join
from entrepot.registry.retaining import ACTOR, COUNTED_SINCE, Preview, Retention, Tally
from entrepot.registry.settings import EventSettings, Policy, RegistrySettings, RetentionSettings
from support import images
from support.houses import House, differences, plant, push, push_manifest
from support.rooms import NAME, OTHER

if TYPE_CHECKING:
    from pathlib import Path

    from entrepot.storage.ports import Storage

DAY = 24 * 3600.0


@pytest.fixture(autouse=True)
async def whole(house: House) -> None:
    """All that storage holds is known, and every pull was counted for years."""
    await house.index.completeness.mark_whole()
    await house.index.kept.keep(COUNTED_SINCE, "1")


def retention(house: House, *policies: Policy, trash_age: float = DAY) -> Retention:
    """A round under these policies; users may not delete."""
    settings = RegistrySettings(trash_age=trash_age, retention=RetentionSettings(policies=policies))
    return Retention(house.storage, house.index, house.names, settings, take_turns)


async def previews(house: House, *policies: Policy) -> list[Preview]:
    """What would go."""
    return [one async for one in retention(house, *policies).preview()]


def age(house: House, days: float, *names: str) -> None:
    """Make tags or manifests of all repositories older than they are."""
    for name in names:
        alter(house, "UPDATE tags SET moved_at = moved_at - :by WHERE name = :of", days * DAY, name)
        alter(house, "UPDATE revisions SET pushed_at = pushed_at - :by WHERE digest = :of", days * DAY, name)
        alter(house, "UPDATE history SET moved_at = moved_at - :by WHERE old = :of", days * DAY, name)


def alter(house: House, statement: str, by: float = 0, of: str = "") -> None:
    """Change rows of the index behind its back, on either database."""

    def work(connection: Connection) -> None:
        given = {name: value for name, value in {"by": by, "of": of}.items() if f":{name}" in statement}
        connection.execute(text(statement), given)

    with closing(open_engine(house.place)) as engine:
        engine.alter(work)


async def tags(house: House, name: RepositoryName = NAME) -> str:
    """The tags of a repository."""
    return " ".join(await house.index.lists.tags(name, "", -1))


async def used(house: House) -> tuple[int, int]:
    """Bytes under ``blobs/**/data``, and how many files."""
    sizes = [size async for _, size in house.storage.blobs.walk()]
    return sum(sizes), len(sizes)


async def push_aged(house: House, count: int, name: RepositoryName = NAME) -> list[Digest]:
    """Images under the tags v0, v1 ...; v0 is the oldest."""
    digests = [await push(house.registry, name, images.image(), f"v{number}") for number in range(count)]
    for number in range(count):
        age(house, count - number, f"v{number}")
    return digests


async def test_the_newest_stay(house: House) -> None:
    """Older tags go as if a user had deleted them: to the trash and into history by ``retention``; one restore brings
    all of them back, and the next round does not take the newest instead.
    """
    digests = await push_aged(house, 5)
    policy = Policy(("**",), newest=2)
    assert await retention(house, policy).run() == Tally(tags=3)
    assert await tags(house) == "v3 v4"
    trash = house.registry.trash
    entries = await trash.page(NAME, "", 100)
    assert {(entry.digest, entry.actor, entry.linked) for entry in entries} == {
        (digest, ACTOR, True) for digest in digests[:3]
    }
    (move, *_) = await trash.history(NAME, Tag("v0"), 1 << 62, 10)
    assert (move.actor, move.action, move.old, move.new) == (ACTOR, "delete", digests[0], None)
    assert (await house.registry.manifests.get(NAME, digests[0])).digest == digests[0]
    assert await differences(house) == []
    assert await retention(house, policy).run() == Tally()
    assert len(await trash.restore_repository(NAME, THE_REGISTRY)) == 3
    assert await tags(house) == "v0 v1 v2 v3 v4"
    assert await retention(house, policy).run() == Tally()
    assert await tags(house) == "v0 v1 v2 v3 v4"


async def test_pulled_images_stay(house: House) -> None:
    """With ``notpulled`` those stay that were pulled, by tag or by digest, or pushed lately; counting that began lately
    keeps all.
    """
    digests = await push_aged(house, 5)
    age(house, 100, "v0", "v1", "v2", "v3")
    now = time.time()
    await house.index.pulls.add([PullCount(NAME, Tag("v0"), 1, now), PullCount(NAME, digests[1], 1, now)])
    await house.index.pulls.add([PullCount(NAME, Tag("v2"), 1, now - 50 * DAY)])
    policy = Policy(("**",), notpulled=30 * DAY)
    await house.index.kept.keep(COUNTED_SINCE, str(now - 29 * DAY))
    assert await previews(house, policy) == []
    await house.index.kept.drop(COUNTED_SINCE)
    assert await previews(house, policy) == []
    await house.index.kept.keep(COUNTED_SINCE, str(now - 31 * DAY))
    assert await retention(house, policy).run() == Tally(tags=2)
    assert await tags(house) == "v0 v1 v4"


async def test_kin_stay_and_go_together(house: House) -> None:
    """An index that stays keeps its children and referrers, although they have no tag and are old; one that goes takes
    its own along.
    """
    stays, goes = images.index(), images.index()
    signature, other = images.artifact(subject=stays), images.artifact(subject=goes)
    for content, name in ((stays, "stays"), (goes, "goes")):
        await push(house.registry, NAME, content, name)
    for one in (signature, other):
        await push(house.registry, NAME, one)
    everything = await house.index.lists.revisions(NAME, "", 100)
    age(house, 100, "goes", *everything)
    policy = Policy(("**",), younger=DAY, untagged=DAY)
    (preview,) = await previews(house, policy)
    assert await retention(house, policy).run() == Tally(tags=1)
    entries = {entry.digest for entry in await house.registry.trash.page(NAME, "", 100)}
    assert entries == {Digest(one.digest) for one in (*goes.walk(), other)} == preview.manifests
    assert preview.untagged == frozenset()
    assert (await house.registry.catalogue.referrers(NAME, Digest(stays.digest), None, "")).entries


async def test_untagged(house: House) -> None:
    """Manifests pushed by digest or overwritten go once they are old enough since the push, and since the tag moved
    away; pushing one again by digest makes it young.
    """
    first, overwritten, again, young = (images.image() for _ in range(4))
    parent = images.index()
    for one in (first, again, young, parent):
        await push(house.registry, NAME, one)
    await push(house.registry, NAME, overwritten, "latest")
    await push(house.registry, NAME, images.image(), "latest")
    age(house, 10, first.digest, again.digest, parent.digest, *(child.digest for child in parent.children))
    policy = Policy(("**",), untagged=5 * DAY)
    alter(house, "UPDATE revisions SET pushed_at = :by WHERE digest = :of", 0, overwritten.digest)
    await push_manifest(house.registry, NAME, again)
    (preview,) = await previews(house, policy)
    expected = {Digest(one.digest) for one in (first, *parent.walk())}
    assert (preview.tags, preview.orphaned) == ((), frozenset())
    assert preview.untagged == expected
    assert await retention(house, policy).run() == Tally(manifests=len(expected))
    assert {entry.digest for entry in await house.registry.trash.page(NAME, "", 100)} == expected
    age(house, 10, overwritten.digest)
    assert await retention(house, policy).run() == Tally(manifests=1)
    restored = await house.registry.trash.restore_manifest(NAME, Digest(overwritten.digest), THE_REGISTRY)
    assert restored.digest == overwritten.digest
    assert await retention(house, policy).run() == Tally(), "a restored one is as young as one that was pushed"


async def test_what_is_not_understood(house: House) -> None:
    """Where a repository holds a manifest of which nobody knows what it names, no untagged one goes."""
    old = await push(house.registry, NAME, images.image())
    age(house, 10, old)
    policy = Policy(("**",), untagged=DAY)
    assert len(await previews(house, policy)) == 1
    payload = b'{"schemaVersion": 1, "fsLayers": []}'
    await house.storage.links.write_manifest(NAME, Digest.of(payload), payload, (Tag("old"),))
    await Adoption(house.storage, house.index, house.names).compare(NAME, take_turns)
    assert await previews(house, policy) == []
    assert await retention(house, policy).run() == Tally()


async def test_adopted_tags(house: House) -> None:
    """Tags of another program are as young as their adoption, and none is older than another."""
    for number in range(6):
        await plant(house.storage, NAME, images.image(), f"v{number}")
    await Adoption(house.storage, house.index, house.names).compare(NAME, take_turns)
    policies = (Policy(("**",), newest=2), Policy(("**",), younger=DAY), Policy(("**",), notpulled=DAY, untagged=DAY))
    for policy in policies:
        assert await retention(house, policy).run() == Tally()
    assert await tags(house) == "v0 v1 v2 v3 v4 v5"


async def test_only_its_repositories(house: House) -> None:
    """The first policy that fits a repository applies, and one that none fits is left alone."""
    names = (NAME, OTHER, RepositoryName("third"))
    for name in names:
        await push_aged(house, 3, name)
    policies = (Policy((NAME,), matching=("*",)), Policy((NAME, OTHER), newest=1))
    assert [one.repository for one in await previews(house, *policies)] == [OTHER]
    assert await retention(house, *policies).run() == Tally(tags=2)
    assert [await tags(house, name) for name in names] == [
        "v0 v1 v2",
        "v2",
        "v0 v1 v2",
    ]


async def test_many_tags(house: House) -> None:
    """More tags than a page and a change hold: just the newest and those that match stay, and all else goes in one
    deed.
    """
    content = images.image()
    names = [f"t{number:04}" for number in range(1300)]
    await push(house.registry, NAME, content, *names, "v1")
    alter(house, "UPDATE tags SET moved_at = moved_at - 5000 + CAST(substr(name, 2) AS integer) + :by", 0)
    assert await retention(house, Policy(("**",), newest=7, matching=("v*",))).run() == Tally(tags=1293)
    assert await tags(house) == " ".join([*names[-7:], "v1"])
    entries = [await house.registry.trash.history(NAME, Tag(name), 1 << 62, 1) for name in names[:-7]]
    assert len({entry[0].moved_at for entry in entries}) == 1


async def test_a_push_in_between(house: House) -> None:
    """A tag that is pushed after it was judged and before it goes stays."""
    await push_aged(house, 3)
    policy = Policy(("**",), newest=1)
    round_ = retention(house, policy)
    judge = await round_._meet(NAME, policy, await round_._moment())
    verdicts = [one async for page in round_._judged(NAME, judge) for one in page]
    assert [one.tag for one in verdicts] == ["v0", "v1"]
    await push(house.registry, NAME, images.image(), "v0")
    await round_._untag(NAME, judge, verdicts, Deed("delete", THE_REGISTRY, DAY))
    assert await tags(house) == "v0 v2"


async def test_a_tag_that_is_held(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tag that somebody changes for long is passed over until the next round."""
    monkeypatch.setattr("entrepot.registry.names.PATIENCE", 0.1)
    await push_aged(house, 2)
    policy = Policy(("**",), newest=1)
    async with house.names.hold(Change(NAME, (Name("tag", "v0"),))) as held:
        assert await retention(house, policy).run() == Tally(busy=1)
        held.finish()
    assert await retention(house, policy).run() == Tally(tags=1)


async def test_the_preview_is_what_the_disk_gives_back(house: House) -> None:
    """Over repositories that share layers, with indexes, referrers, untagged manifests and something in the trash: just
    those tags and manifests go, and just so many bytes once they are collected.
    """
    base, shared = images.image(size=4000), images.image(size=3000)
    both, index = images.image(size=1200), images.index([base, images.image(size=2500)])
    for name in (NAME, OTHER):
        await push(house.registry, name, base, "old-base")
        await push(house.registry, name, shared, "old-shared")
        await push(house.registry, name, both, "old-both")
    await push(house.registry, NAME, index, "old-index")
    await push(house.registry, NAME, images.artifact(subject=index))
    await push(house.registry, OTHER, shared, "stays")
    await push(house.registry, NAME, images.index([images.image(size=2000), base]), "young")
    untagged, deleted = images.image(size=1700), images.image(size=1600)
    await push(house.registry, NAME, untagged)
    await push(house.registry, OTHER, deleted, "deleted")
    await push(house.registry, NAME, deleted, "old-deleted")
    await house.registry.manifests.untag(OTHER, Tag("deleted"))
    age(house, 9, "old-base", "old-shared", "old-both", "old-index", "old-deleted", untagged.digest)
    await push(house.registry, RepositoryName("kept"), images.image(), "old-base")
    policies = (Policy((NAME, OTHER), younger=DAY, untagged=DAY),)
    said = await previews(house, *policies)
    freed = await house.index.forecasts.weigh({one.repository: one.manifests for one in said})
    await collect(house.storage, house.index, CollectorSettings(grace=0), take_turns)
    before, files = await used(house)
    known = {one.repository: set(await house.index.lists.revisions(one.repository, "", 100)) for one in said}
    tally = await retention(house, *policies, trash_age=0).run()
    assert tally.tags == sum(len(one.tags) for one in said) == 8
    await collect(house.storage, house.index, CollectorSettings(grace=0), take_turns)
    after, remaining = await used(house)
    assert (before - after, files - remaining) == (freed.size, freed.blobs)
    assert freed.size > sum(one.freed.size for one in said) > 0
    for one in said:
        assert known[one.repository] - set(await house.index.lists.revisions(one.repository, "", 100)) == one.manifests
    assert await differences(house) == []


async def test_shared_bytes_come_free_together(house: House) -> None:
    """An image in two repositories gives nothing back where it goes from one, and all where it goes from both."""
    content = images.image()
    for name in (NAME, OTHER):
        await push(house.registry, name, content, "old")
    age(house, 9, "old")
    one, other = await previews(house, Policy(("**",), younger=DAY))
    assert (one.freed.size, other.freed.size) == (0, 0)
    both = await house.index.forecasts.weigh({one.repository: one.manifests, other.repository: other.manifests})
    assert (both.size, both.blobs) == (await used(house))


async def test_events(storage: Storage, tmp_path: Path) -> None:
    """Each tag that goes is an event of deletion by ``retention``."""
    path = tmp_path / "events.sqlite3"
    settings = RegistrySettings(retention=RetentionSettings(policies=(Policy(("**",), newest=1),)))
    with open_index(path, witnesses=(lambda outbox: EventWriter(EventSettings(), outbox),)) as index:
        house = House(storage, index, path, join(storage, index, settings))
        await push_aged(house, 2)
        await Retention(storage, index, house.names, settings, take_turns).run()
        while await index.outbox.place():
            pass
        last = json.loads((await index.outbox.page(0, 1000))[-1].body)
    assert (last["action"], last["actor"], last["target"]) == (
        "delete",
        {"name": ACTOR},
        {"repository": NAME, "tag": "v0"},
    )


async def test_purged_at_once(house: House) -> None:
    """With no age of the trash nothing can be restored."""
    digests = await push_aged(house, 2)
    await retention(house, Policy(("**",), newest=1), trash_age=0).run()
    await collect(house.storage, house.index, CollectorSettings(grace=0), take_turns)
    with pytest.raises(ManifestUnknown):
        await house.registry.trash.restore_manifest(NAME, digests[0], THE_REGISTRY)
