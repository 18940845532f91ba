# SPDX-License-Identifier: Apache-2.0
"""Which deeds make which events; what the registry does by itself makes none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from entrepot.index import seen_events
from entrepot.index.facts import StoredManifest
from entrepot.index.index import Index, open_index
from entrepot.index.sight import EVERY_REPOSITORY, NOTHING, Sight
from entrepot.oci.callers import Caller
from entrepot.oci.digests import Digest
from entrepot.oci.errors import RequestInvalid
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry import pull_events
from entrepot.registry.events import EventWriter
from entrepot.registry.feed import Feed, FeedPage
from entrepot.registry.pull_events import PullEvents
from entrepot.registry.registry import join
from entrepot.registry.settings import EventSettings, RegistrySettings
from support.rooms import NAME, OTHER, store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.storage.ports import Storage

ALICE = Caller(actor="alice", request_id="r-1", method="PUT", origin="http://r", remote="192.0.2.7:1", user_agent="c")
SETTINGS = EventSettings(pulls=True, prefix="/p", source="host:5000", instance="i")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An index whose deeds are witnessed."""
    with open_index(tmp_path / "i.sqlite3", witnesses=(lambda outbox: EventWriter(SETTINGS, outbox),)) as opened:
        yield opened


async def events(index: Index) -> list[dict[str, Any]]:
    """All that happened."""
    while await index.outbox.place():
        pass
    return [json.loads(event.body) for event in await index.outbox.page(0, 1000)]


async def push(storage: Storage, index: Index, tag: str) -> Digest:
    """Push an empty index under a tag."""
    registry = join(storage, index, RegistrySettings(delete_enabled=True, events=SETTINGS))
    payload = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
    media_type = "application/vnd.oci.image.index.v1+json"
    return (await registry.manifests.put(NAME, Tag(tag), [], media_type, payload, ALICE)).digest


async def test_who_did_it(storage: Storage, index: Index) -> None:
    """The actor has a name where somebody said who they are; source and URL are as configured."""
    digest = await push(storage, index, "1.0")
    (event,) = await events(index)
    assert event["actor"] == {"name": "alice"}
    assert event["source"] == {"addr": "host:5000", "instanceID": "i"}
    assert event["target"]["url"] == f"http://r/p/v2/{NAME}/manifests/{digest}"
    expected = {"id": "r-1", "addr": "192.0.2.7:1", "method": "PUT", "useragent": "c"}
    assert event["request"] == expected


async def test_a_repository_that_is_deleted(storage: Storage, index: Index) -> None:
    """After its manifests and tags it goes itself: a target with nothing but its name, once."""
    digest = await push(storage, index, "1.0")
    registry = join(storage, index, RegistrySettings(delete_enabled=True, events=SETTINGS))
    await registry.repositories.remove(NAME, ALICE)
    _, *gone = await events(index)
    assert [event["target"] for event in gone] == [
        {"digest": digest, "repository": NAME},
        {"repository": NAME, "tag": "1.0"},
        {"repository": NAME},
    ]
    assert {event["action"] for event in gone} == {"delete"}


async def test_restoring_is_a_push(storage: Storage, index: Index) -> None:
    """What comes back from the trash is told as pushed."""
    digest = await push(storage, index, "1.0")
    registry = join(storage, index, RegistrySettings(delete_enabled=True, events=SETTINGS))
    await registry.manifests.remove(NAME, digest, ALICE)
    await registry.trash.restore_manifest(NAME, digest, ALICE)
    restored = (await events(index))[-1]
    assert (restored["action"], restored["target"]["digest"], restored["target"]["tag"]) == ("push", digest, "1.0")


async def test_repair_makes_none(storage: Storage, index: Index, tmp_path: Path) -> None:
    """What another index wrote is found in storage and told to this one, without an event."""
    with open_index(tmp_path / "other.sqlite3") as other:
        digest = await push(storage, other, "1.0")
    registry = join(storage, index, RegistrySettings(events=SETTINGS))
    assert (await registry.manifests.get(NAME, digest)).digest == digest
    assert await events(index) == []


async def test_pulls_are_bounded(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than fit are lost and counted, by number and by bytes; the next round begins empty."""
    monkeypatch.setattr(pull_events, "MOST", 3)
    monkeypatch.setattr(pull_events, "MOST_BYTES", 100)
    gathering = PullEvents(index.outbox, SETTINGS)
    digest = Digest.of(b"")
    for _ in range(5):
        gathering.note_blob(NAME, digest, 7, ALICE)
    assert await gathering.write() == 2
    for _ in range(2):
        gathering.note_manifest(NAME, digest, StoredManifest(digest, "a/b", b"x" * 60), ALICE)
    assert await gathering.write() == 1
    assert await gathering.write() == 0
    assert [event["action"] for event in await events(index)] == ["pull"] * 4


async def allow(index: Index, pattern: str) -> Sight:
    """What somebody sees who may pull by this pattern."""
    rule = await index.directory.add_rule("role:anonymous", pattern, "*", frozenset({"pull"}), "")
    return Sight(frozenset({rule.pattern_id}))


def spoken_of(page: FeedPage) -> list[object]:
    """The repositories of a page's events."""
    return [cast("dict[str, Any]", event).get("target", {}).get("repository") for event in page.events]


async def write(index: Index, *repositories: str) -> None:
    """Events of repositories, with positions; "" for one of none."""
    told = [
        (RepositoryName(name) if name else None, json.dumps({"target": {"repository": name}, "request": {}}))
        for name in repositories
    ]
    await index.outbox.add_of(told)
    await events(index)


async def test_each_event_says_of_which_repository_it_speaks(storage: Storage, index: Index) -> None:
    """Pushes, pulls, mounts and deletions, also that of the whole repository: who sees it sees them, others see none.
    Nobody learns from a mount what other repositories there are, unless they see all.
    """
    mine, others = await allow(index, NAME), await allow(index, OTHER)
    digest = await push(storage, index, "1")
    gathering = PullEvents(index.outbox, SETTINGS)
    gathering.note_manifest(NAME, digest, StoredManifest(digest, "a/b", b"x"), ALICE)
    gathering.note_blob(NAME, digest, 1, ALICE)
    await gathering.write()
    registry = join(storage, index, RegistrySettings(delete_enabled=True, events=SETTINGS))
    blob = await store(storage, b"blob", name=OTHER)
    assert await registry.blobs.mount(NAME, blob, OTHER, ALICE)
    await registry.repositories.remove(NAME, ALICE)
    every = await events(index)
    assert {event["action"] for event in every} == {"push", "pull", "mount", "delete"}
    assert await index.lists.repositories("", 9, mine) == []
    page = await Feed(index).page(0, 100, mine)
    seen = cast("list[dict[str, Any]]", page.events)
    assert [event["id"] for event in seen] == [event["id"] for event in every]
    assert (await Feed(index).page(0, 100, others)).events == ()
    sources = [event["target"].get("fromRepository") for event in every if event["action"] == "mount"]
    assert sources == [OTHER]
    assert "fromRepository" not in json.dumps(seen)
    assert all("addr" in event["request"] for event in every)
    assert all("useragent" in event["request"] and "source" in event for event in every)
    assert not any(event["request"].keys() - {"id", "method"} or "source" in event for event in seen)
    assert all(event["actor"] == {"name": "alice"} for event in seen)
    nameless = cast("list[dict[str, Any]]", (await Feed(index).page(0, 100, replace(mine, actors=False))).events)
    assert [event["id"] for event in nameless] == [event["id"] for event in every]
    assert all(event["actor"] == {} for event in nameless)
    assert "alice" not in json.dumps(nameless)


async def test_what_a_page_shows(index: Index) -> None:
    """Only events of repositories that are seen; those that speak of none are for who sees everything."""
    await write(index, "a/1", "", "b/1", "a/2", "b/2", "a/3")
    feed, sight = Feed(index), await allow(index, "a/*")
    first = await feed.page(0, 2, sight)
    assert spoken_of(first) == ["a/1", "a/2"]
    second = await feed.page(first.next, 2, sight)
    assert (spoken_of(second), second.missed) == (["a/3"], 0)
    last = await feed.page(second.next, 2, sight)
    assert (last.events, last.next, last.missed) == ((), second.next, 0)
    assert spoken_of(await feed.page(0, 9)) == ["a/1", "", "b/1", "a/2", "b/2", "a/3"]
    assert spoken_of(await feed.page(0, 9, EVERY_REPOSITORY)) == ["a/1", "b/1", "a/2", "b/2", "a/3"]
    assert spoken_of(await feed.page(0, 9, NOTHING)) == []


async def test_who_sees_little_goes_on_where_a_page_ended(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page looks at so many events and no more; one without events says where to go on, until nothing is left."""
    monkeypatch.setattr(seen_events, "WINDOWS", 2)
    await write(index, "b/1", *["a/1"] * (seen_events.WINDOW * 2 + 10), "b/2", "a/1")
    sight, feed = await allow(index, "b/*"), Feed(index)
    first = await feed.page(0, 9, sight)
    assert spoken_of(first) == ["b/1"]
    second = await feed.page(first.next, 9, sight)
    assert (spoken_of(second), second.missed) == (["b/2"], 0)
    assert second.next - first.next == 12
    nothing = await allow(index, "c/*")
    page = await feed.page(0, 9, nothing)
    assert (spoken_of(page), page.next) == ([], first.next)
    assert (await feed.page(page.next, 9, nothing)).next == page.next
    assert (await feed.page(second.next, 9, nothing)).next == second.next


async def test_hidden_events_are_not_counted(index: Index) -> None:
    """At the end of the feed no answer depends on how many events there are that somebody does not see, also where they
    ask from behind the end, or where some were dropped; the pages of who sees all do.
    """
    feed, mine = Feed(index), await allow(index, "a/*")
    await write(index, "a/1", "b/1")
    here = (await feed.page(0, 9, mine)).next
    asked = [(after, limit) for after in (0, here, here + 1, here + 3, here + 100) for limit in (1, 9)]
    before = [await feed.page(after, limit, mine) for after, limit in asked]
    assert spoken_of(before[1]) == ["a/1"]
    await write(index, "b/2", "", "b/3")
    assert [await feed.page(after, limit, mine) for after, limit in asked] == before
    assert len((await feed.page(here, 9)).events) == 4
    await index.outbox.drop(here + 3)
    assert (await feed.page(here, 9)).missed == 3
    assert (await feed.page(here, 9, mine)) == before[2]
    await write(index, "a/2")
    late = await feed.page(here, 9, mine)
    assert (spoken_of(late), late.missed) == (["a/2"], 1)


async def test_a_reader_that_comes_late(storage: Storage, index: Index) -> None:
    """What was dropped before it was read is counted; a cursor of another index is refused."""
    for number in range(5):
        await push(storage, index, f"t{number}")
    await events(index)
    feed = Feed(index)
    first = await feed.page(0, 1)
    await index.outbox.drop(first.next + 2)
    page = await feed.page(first.next, 10)
    assert (len(page.events), page.missed) == (2, 2)
    assert (await feed.page(0, 10)).missed == 0
    with pytest.raises(RequestInvalid, match="made anew"):
        await feed.page(page.next + 1, 10)
