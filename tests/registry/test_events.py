# SPDX-License-Identifier: Apache-2.0
"""Which deeds make which events; what the registry does by itself makes none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from entrepot.index.facts import StoredManifest
from entrepot.index.index import Index, open_index
from entrepot.oci.callers import Caller
from entrepot.oci.digests import Digest
from entrepot.oci.errors import RequestInvalid
from entrepot.oci.names import Tag
from entrepot.registry import pull_events
from entrepot.registry.events import EventWriter
from entrepot.registry.feed import Feed
from entrepot.registry.pull_events import PullEvents
from entrepot.registry.registry import join
from entrepot.registry.settings import EventSettings, RegistrySettings
from support.rooms import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.storage.ports import Storage

ALICE = Caller(actor="alice", request_id="r-1", method="PUT", origin="http://r")
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
    assert event["request"] == {"id": "r-1", "method": "PUT", "useragent": ""}


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
