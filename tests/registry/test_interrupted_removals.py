# SPDX-License-Identifier: Apache-2.0
"""A deletion whose process dies, or whose storage fails, after it removed something: that can be restored."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from entrepot.index.changes import Changes
from entrepot.oci.callers import THE_REGISTRY, Caller
from entrepot.oci.digests import Digest
from entrepot.oci.errors import ManifestUnknown, Unavailable
from entrepot.oci.names import Tag
from entrepot.registry.registry import Registry
from support import images
from support.houses import House, differences, push, read_blob
from support.rooms import NAME, OTHER

LATEST = Tag("latest")
SOMEBODY = Caller(actor="somebody")

DELETIONS: dict[str, Callable[[Registry, Digest], Awaitable[object]]] = {
    "manifest": lambda registry, digest: registry.manifests.remove(NAME, digest, SOMEBODY),
    "repository": lambda registry, _: registry.repositories.remove(NAME, SOMEBODY),
    "tag": lambda registry, _: registry.manifests.untag(NAME, LATEST, SOMEBODY),
}


class Killed(BaseException):
    """Nothing of the process goes on."""


@pytest.fixture(autouse=True)
async def whole(house: House) -> None:
    """All that storage holds is known."""
    await house.index.completeness.mark_whole()


@pytest.mark.parametrize("kind", DELETIONS)
@pytest.mark.parametrize("after", ["remove_tags", "remove_revisions"])
async def test_killed(house: House, registry: Registry, monkeypatch: pytest.MonkeyPatch, kind: str, after: str) -> None:
    """Killed after tags or links went, the rest is as it was; what went is in the trash, by whom it was removed, with
    what it left alone; and it comes back with its tag.
    """
    made = images.index()
    digest = await push(registry, NAME, made, "latest")
    links, remove = type(house.storage.links), getattr(type(house.storage.links), after)

    async def die_after(self: object, *arguments: Any) -> None:
        await remove(self, *arguments)
        raise Killed

    async def nothing(*_: object) -> None:
        raise Killed

    with house.another() as dying, monkeypatch.context() as patch:
        patch.setattr(links, after, die_after)
        patch.setattr(dying.index.changes, "settle", nothing)
        patch.setattr(dying.index.changes, "finish", nothing)
        with pytest.raises(Killed):
            await DELETIONS[kind](dying.registry, digest)
    await house.names.settle_dead()
    assert await differences(house) == []
    with pytest.raises(ManifestUnknown):
        await registry.manifests.get(NAME, LATEST)
    entries = await registry.trash.page(NAME, "", 10)
    assert digest in {entry.digest for entry in entries}
    assert {entry.actor for entry in entries} == {"somebody"}
    restored = await registry.trash.restore_manifest(NAME, digest, THE_REGISTRY)
    assert restored.tags == ("latest",)
    assert (await registry.manifests.get(NAME, LATEST)).payload == made.data
    for child in made.children:
        assert await read_blob(registry, NAME, Digest(child.blobs[0].digest)) == child.blobs[0].data


async def test_storage_fails(house: House, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where storage fails between two links of one change, the manifest whose link went is in the trash."""
    digests = [await push(registry, NAME, images.image(), f"v{number}") for number in range(3)]
    links, remove = type(house.storage.links), type(house.storage.links).remove_revisions

    async def remove_one(self: Any, name: Any, going: Sequence[Digest]) -> None:
        await remove(self, name, going[:1])
        raise Unavailable("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(links, "remove_revisions", remove_one)
        with pytest.raises(Unavailable):
            await registry.repositories.remove(NAME, SOMEBODY)
    assert await differences(house) == []
    entries = {entry.digest: entry.linked for entry in await registry.trash.page(NAME, "", 10)}
    assert entries == dict(zip(sorted(digests), [False, True, True], strict=True))


async def test_what_was_never_there(house: House, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deletion that dies before it found anything puts nothing into the trash: a manifest that only another
    repository holds could be brought here by it.
    """
    digest = await push(registry, OTHER, images.image(), "latest")
    await push(registry, NAME, images.image(), "latest")

    async def nothing(*_: object) -> None:
        raise Killed

    with house.another() as dying, monkeypatch.context() as patch:
        patch.setattr(Changes, "finish", nothing)
        patch.setattr(dying.index.changes, "settle", nothing)
        with pytest.raises(Killed):
            await dying.registry.manifests.remove(NAME, digest)
    assert len(await house.index.changes.list_open()) == 1
    await house.names.settle_dead()
    assert await house.index.trash.get(NAME, digest) is None
