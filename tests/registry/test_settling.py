# SPDX-License-Identifier: Apache-2.0
"""A process that dies in the middle of a change: the name is read in storage, and the index told what is there."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from entrepot.index.facts import Change, Name
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.names import Names
from entrepot.storage.ports import Links, Storage
from support import images
from support.houses import House, differences, push, push_blob, push_manifest
from support.rooms import NAME

LATEST, OLD = Tag("latest"), Tag("old")


@dataclass(frozen=True)
class Scene:
    """What is there when the process dies: an image with two tags, and another of which the blobs were pushed."""

    there: Digest
    coming: images.Manifest
    blob: Digest

    @property
    def new(self) -> Digest:
        """The manifest that is being pushed."""
        return Digest(self.coming.digest)


Step = Callable[[Storage, Scene], Awaitable[None]]

PUSH: list[Step] = [
    lambda storage, scene: storage.links.write_manifest(NAME, scene.new, scene.coming.data, ()),
    lambda storage, scene: storage.links.write_manifest(NAME, scene.new, scene.coming.data, (LATEST,)),
    lambda storage, scene: storage.links.write_manifest(NAME, scene.new, scene.coming.data, (LATEST, OLD)),
]
UNTAG: list[Step] = [lambda storage, _: storage.links.remove_tags(NAME, [LATEST])]
REMOVE: list[Step] = [
    lambda storage, _: storage.links.remove_tags(NAME, [LATEST]),
    lambda storage, _: storage.links.remove_tags(NAME, [OLD]),
    lambda storage, scene: storage.links.remove_revisions(NAME, [scene.there]),
]
UNLINK: list[Step] = [lambda storage, scene: storage.links.remove_layers(NAME, [scene.blob])]

TAGS = (Name("tag", LATEST), Name("tag", OLD))
CHANGES: dict[str, tuple[Callable[[Scene], Change], list[Step]]] = {
    "push": (
        lambda scene: Change(
            NAME,
            (Name("manifest", scene.new), *TAGS),
            pins=tuple(Name("blob", Digest(blob.digest)) for blob in scene.coming.blobs),
        ),
        PUSH,
    ),
    "untag": (lambda _: Change(NAME, TAGS[:1], removes=True), UNTAG),
    "remove": (lambda scene: Change(NAME, (Name("manifest", scene.there), *TAGS), removes=True), REMOVE),
    "unlink": (lambda scene: Change(NAME, (Name("blob", scene.blob),), removes=True), UNLINK),
}
MOMENTS = [(kind, steps) for kind, (_, every) in CHANGES.items() for steps in range(len(every) + 1)]


async def set_scene(house: House) -> Scene:
    """Push what must be there."""
    there = await push(house.registry, NAME, images.image(), LATEST, OLD)
    coming = images.image()
    for blob in coming.blobs:
        await push_blob(house.registry, NAME, blob.data)
    return Scene(there, coming, await push_blob(house.registry, NAME, b"a blob of its own"))


@pytest.mark.parametrize(("kind", "steps"), MOMENTS)
async def test_death_at_every_moment(house: House, kind: str, steps: int) -> None:
    """Wherever a push or removal broke off, settling makes the index say what storage says, and frees the names."""
    scene = await set_scene(house)
    change, every = CHANGES[kind]
    with house.another() as dying:
        await dying.index.changes.begin(change(scene))
        for step in every[:steps]:
            await step(house.storage, scene)
        assert await house.names.settle_dead() == 0
        assert await differences(house) != []
    assert await house.names.settle_dead() == len(change(scene).names)
    assert await differences(house) == []
    assert await house.names.settle_dead() == 0


@pytest.mark.parametrize(("kind", "steps"), MOMENTS)
async def test_who_wants_the_name_settles_it(house: House, kind: str, steps: int) -> None:
    """A request for a name that a dead process holds does not wait for a job."""
    scene = await set_scene(house)
    change, every = CHANGES[kind]
    with house.another() as dying:
        await dying.index.changes.begin(change(scene))
        for step in every[:steps]:
            await step(house.storage, scene)
    async with asyncio.timeout(5):
        await push_blob(house.registry, NAME, b"a blob of its own")
        await push_manifest(house.registry, NAME, scene.coming, LATEST, OLD)
    assert (await house.registry.manifests.get(NAME, LATEST)).digest == scene.new
    assert await differences(house) == []


async def test_the_living_are_waited_for(house: House) -> None:
    """A name that a living process holds is not settled; who wants it waits until it is let go."""
    scene = await set_scene(house)
    with house.another() as living:
        begun = await living.index.changes.begin(Change(NAME, (Name("tag", LATEST),)))
        waiting = asyncio.ensure_future(push_manifest(house.registry, NAME, scene.coming, LATEST))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert done == set()
        assert (await house.registry.manifests.get(NAME, LATEST)).digest == scene.there
        await living.index.changes.finish(begun, NAME, [])
        assert await waiting == scene.new
    assert await differences(house) == []


async def test_two_settle_at_once(house: House) -> None:
    """Several processes may settle the same names at the same moment."""
    scene = await set_scene(house)
    with house.another() as dying:
        await dying.index.changes.begin(CHANGES["push"][0](scene))
        for step in PUSH[:2]:
            await step(house.storage, scene)
    with house.another() as second:
        await asyncio.gather(*(one.names.settle_dead() for one in (house, second, house, second)))
        assert await differences(second) == []
    assert (await house.registry.manifests.get(NAME, LATEST)).digest == scene.new


class PausingLinks:
    """The links of a storage; removing a tag waits for :attr:`go`."""

    def __init__(self, links: Links) -> None:
        self._links = links
        self.removing = asyncio.Event()
        self.go = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._links, name)

    async def remove_tags(self, name: RepositoryName, tags: Sequence[Tag]) -> None:
        self.removing.set()
        await self.go.wait()
        await self._links.remove_tags(name, tags)


async def test_a_slow_settler_removes_nothing_that_came_later(house: House) -> None:
    """Who settles a name holds it: another who wants it waits, so what was acknowledged afterwards stays."""
    scene = await set_scene(house)
    with house.another() as dying:
        await dying.index.changes.begin(Change(NAME, (Name("tag", "fresh"),)))
    links = PausingLinks(house.storage.links)
    with house.another() as slow:
        names = Names(replace(house.storage, links=cast("Links", links)), slow.index)
        settling = asyncio.ensure_future(names.settle_dead())
        await links.removing.wait()
        assert await house.names.settle_dead() == 0
        pushing = asyncio.ensure_future(push_manifest(house.registry, NAME, scene.coming, "fresh"))
        done, _ = await asyncio.wait([pushing], timeout=0.3)
        assert done == set()
        links.go.set()
        assert await settling == 1
        assert await pushing == scene.new
    assert (await house.registry.manifests.get(NAME, Tag("fresh"))).digest == scene.new
    assert await house.storage.links.read_tag(NAME, Tag("fresh")) == scene.new
    assert await differences(house) == []


async def test_a_settler_that_dies_is_settled(house: House) -> None:
    """What a settler took over and did not end is settled by the next."""
    await set_scene(house)
    with house.another() as dying:
        begun = await dying.index.changes.begin(Change(NAME, (Name("tag", "fresh"),)))
        holder = dying.index.holder.name
    with house.another() as second:
        assert await second.index.changes.take_over(begun, holder)
        assert not await second.index.changes.take_over(begun, holder)
        assert await house.names.settle_dead() == 0
    assert await house.names.settle_dead() == 1
    assert await differences(house) == []


async def test_a_tag_without_its_manifest_is_none(house: House) -> None:
    """A tag that was written but whose manifest cannot be read is not served: nothing half done is shown."""
    scene = await set_scene(house)
    with house.another() as dying:
        await dying.index.changes.begin(CHANGES["push"][0](scene))
        await PUSH[1](house.storage, scene)
        await house.storage.links.remove_revisions(NAME, [scene.new])
    await house.names.settle_dead()
    assert await house.registry.manifests.peek(NAME, LATEST) is None
    assert await house.registry.manifests.peek(NAME, OLD) is not None
