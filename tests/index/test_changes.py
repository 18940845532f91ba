# SPDX-License-Identifier: Apache-2.0
"""Changes: an intent is the lock on a name, a pin keeps what a change needs."""

import asyncio

import pytest

from entrepot.index.changes import NameBusy, PinsMissing
from entrepot.index.facts import BlobTruth, StoredManifest
from entrepot.index.index import Index
from entrepot.oci.names import Tag
from support.facts import blob_name, change, digest_of, held, manifest_name, manifest_truth, tag_name, tag_truth, tell
from support.rooms import NAME, OTHER

LATEST = tag_name("latest")


async def test_finished_changes_are_facts(index: Index) -> None:
    """Before a change is finished nothing is known of it; afterwards all is, and no intent is left."""
    begun = await index.changes.begin(change(manifest_name("m"), LATEST))
    assert await index.lookups.manifest_by_tag(NAME, Tag("latest")) is None
    assert {intent.name for intent in await index.changes.list_open()} == {manifest_name("m"), LATEST}
    await index.changes.finish(begun, NAME, [manifest_truth("m"), tag_truth("latest", "m")])
    found = await index.lookups.manifest_by_tag(NAME, Tag("latest"))
    assert isinstance(found, StoredManifest)
    assert found.payload == b"m"
    assert await index.changes.list_open() == []


async def test_open_intents_name_their_holder(index: Index, other: Index) -> None:
    """Every process sees which names are under change, by whom, and which belong together."""
    first = await index.changes.begin(change(LATEST, manifest_name("m")))
    second = await other.changes.begin(change(LATEST, name=OTHER))
    seen = {(one.repository, one.name, one.change, one.holder) for one in await index.changes.list_open()}
    assert seen == {
        (NAME, LATEST, first, index.holder.name),
        (NAME, manifest_name("m"), first, index.holder.name),
        (OTHER, LATEST, second, other.holder.name),
    }


async def test_a_name_has_one_change(index: Index, other: Index) -> None:
    """While a name is under change no other change of it begins, in any process; afterwards it does."""
    begun = await index.changes.begin(change(LATEST))
    for process in (index, other):
        with pytest.raises(NameBusy) as caught:
            await process.changes.begin(change(tag_name("free"), LATEST))
        assert caught.value.holders == (index.holder.name,)
    assert [one.name for one in await index.changes.list_open()] == [LATEST]
    await index.changes.finish(begun, NAME, [])
    await other.changes.begin(change(LATEST))


async def test_other_names_are_free(index: Index, other: Index) -> None:
    """The same name in another repository, and another kind of the same text, are other names."""
    await index.changes.begin(change(blob_name("x")))
    await other.changes.begin(change(blob_name("x"), name=OTHER))
    await other.changes.begin(change(manifest_name("x")))
    assert len(await index.changes.list_open()) == 3


async def test_one_of_many_wins(index: Index, other: Index) -> None:
    """Of changes that begin at once on two processes exactly one gets the name."""
    tries = [process.changes.begin(change(LATEST)) for process in (index, other) * 10]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(answer, str) for answer in done) == 1
    assert sum(isinstance(answer, NameBusy) for answer in done) == 19


@pytest.mark.parametrize("kind", ["blob", "manifest"])
async def test_pins_must_be_there(index: Index, kind: str) -> None:
    """A change that needs what the repository does not hold does not begin, and says all that is missing."""
    name = blob_name if kind == "blob" else manifest_name
    await tell(index, held("there"), manifest_truth("there"))
    await tell(index, held("elsewhere"), manifest_truth("elsewhere"), name=OTHER)
    pins = [name("there"), name("elsewhere"), name("nowhere")]
    with pytest.raises(PinsMissing) as caught:
        await index.changes.begin(change(LATEST, pins=pins))
    assert caught.value.missing == (name("elsewhere"), name("nowhere"))
    assert await index.changes.list_open() == []
    await index.changes.begin(change(LATEST, pins=[name("there")]))


async def test_pinned_names_are_not_removed(index: Index, other: Index) -> None:
    """What a change needs cannot begin to be removed until that change is finished; others may need it too."""
    await tell(index, held("layer"))
    first = await index.changes.begin(change(tag_name("a"), pins=[blob_name("layer")]))
    second = await other.changes.begin(change(tag_name("b"), pins=[blob_name("layer")]))
    for begun, holders in ((first, {index.holder.name, other.holder.name}), (second, {other.holder.name})):
        with pytest.raises(NameBusy) as caught:
            await other.changes.begin(change(blob_name("layer"), removes=True))
        assert set(caught.value.holders) == holders
        await index.changes.finish(begun, NAME, [])
    await other.changes.begin(change(blob_name("layer"), removes=True))


async def test_pins_do_not_hinder_what_adds(index: Index) -> None:
    """A change that does not remove may change a name that is pinned (pushing a blob again)."""
    await tell(index, held("layer"))
    await index.changes.begin(change(LATEST, pins=[blob_name("layer")]))
    await index.changes.begin(change(blob_name("layer")))


async def test_names_under_removal_are_not_pinned(index: Index, other: Index) -> None:
    """A change that needs what is being removed waits; once it is gone, it is missing."""
    await tell(index, held("layer"))
    removal = await index.changes.begin(change(blob_name("layer"), removes=True))
    with pytest.raises(NameBusy):
        await other.changes.begin(change(LATEST, pins=[blob_name("layer")]))
    await index.changes.finish(removal, NAME, [BlobTruth(digest_of("layer"), None)])
    with pytest.raises(PinsMissing):
        await other.changes.begin(change(LATEST, pins=[blob_name("layer")]))


async def test_finishing_twice(index: Index, other: Index) -> None:
    """A change that was finished (settled by another) cannot record anything any more."""
    begun = await index.changes.begin(change(LATEST))
    await other.changes.finish(begun, NAME, [manifest_truth("new"), tag_truth("latest", "new")])
    await index.changes.finish(begun, NAME, [manifest_truth("old"), tag_truth("latest", "old")])
    found = await index.lookups.manifest_by_tag(NAME, Tag("latest"))
    assert isinstance(found, StoredManifest)
    assert found.payload == b"new"


async def test_finishing_frees_pins_only_of_its_change(index: Index) -> None:
    """Finishing one change keeps what others need."""
    await tell(index, held("layer"))
    first = await index.changes.begin(change(tag_name("a"), pins=[blob_name("layer")]))
    await index.changes.begin(change(tag_name("b"), pins=[blob_name("layer")]))
    await index.changes.finish(first, NAME, [])
    with pytest.raises(NameBusy):
        await index.changes.begin(change(blob_name("layer"), removes=True))


async def test_abandoned_changes_have_no_holder(index: Index, other: Index) -> None:
    """An abandoned change still locks its names, but its holder counts as dead for everybody."""
    begun = await index.changes.begin(change(LATEST))
    await index.changes.abandon(begun)
    [left] = await other.changes.list_open()
    assert (left.name, left.change) == (LATEST, begun)
    assert not index.holder.lives(left.holder)
    assert not other.holder.lives(left.holder)
    with pytest.raises(NameBusy):
        await other.changes.begin(change(LATEST))
    await other.changes.finish(begun, NAME, [])
    await other.changes.begin(change(LATEST))
