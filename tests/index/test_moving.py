# SPDX-License-Identifier: Apache-2.0
"""What storage cannot tell moves from one database to the other, both ways."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from entrepot.index.deeds import Deed
from entrepot.index.facts import ManifestTruth, StoredManifest
from entrepot.index.index import Index, open_index
from entrepot.index.moving import move_kept
from entrepot.index.places import Database
from entrepot.oci.callers import THE_REGISTRY
from entrepot.oci.errors import Unavailable
from entrepot.oci.names import Tag
from support.facts import change, digest_of, facts, manifest_truth, tag_truth, tell
from support.rooms import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.index.deeds import Action
    from entrepot.index.facts import Truth
    from entrepot.index.places import IndexPlace
    from support.postgres import Postgres

Places = tuple["IndexPlace", "IndexPlace"]
LATEST = Tag("latest")
EVERY = 2**62


@pytest.fixture(params=["to postgresql", "to sqlite", "to another postgresql"])
def places(request: pytest.FixtureRequest, path: Path, tmp_path: Path, postgres: Postgres) -> Iterator[Places]:
    """From where, to where."""
    with ExitStack() as stack:

        def database() -> Database:
            return Database(stack.enter_context(postgres.database()), tmp_path / "holders")

        match request.param:
            case "to postgresql":
                yield path, database()
            case "to sqlite":
                yield database(), path
            case _:
                yield database(), database()


async def do(index: Index, action: Action, *truths: Truth) -> None:
    """A change that somebody made, and may regret for an hour."""
    begun = await index.changes.begin(change(*dict.fromkeys(truth.name for truth in truths)))
    await index.changes.finish(begun, NAME, truths, Deed(action, THE_REGISTRY, keep=3600))


async def live(index: Index) -> None:
    """A tag moves twice; a manifest that names others is removed by digest."""
    for text in ("a", "b"):
        await do(index, "push", manifest_truth(text), tag_truth("latest", text))
    whole = facts("whole", blobs=[digest_of("1")], children=[digest_of("c")])
    await do(index, "push", ManifestTruth(whole.digest, whole))
    await do(index, "delete", ManifestTruth(whole.digest, None))


async def test_moved(places: Places) -> None:
    """History and trash are there as they were, in order and going on; what is in the trash can be restored; what
    storage can tell was left; the source is as before.
    """
    source, target = places
    with open_index(source) as index:
        await live(index)
        moves = await index.history.of_tag(NAME, LATEST, EVERY, 9)
        trashed = await index.trash.page(NAME, "", 9)
        counts = await index.census.count()
    assert [move.new for move in moves] == [digest_of("b"), digest_of("a")]
    assert [entry.digest for entry in trashed] == [digest_of("whole")]
    copied = move_kept(source, target)
    assert copied["history"] == 2
    assert copied["trash"] == 1
    for place in places:
        with open_index(place) as index:
            assert await index.history.of_tag(NAME, LATEST, EVERY, 9) == moves
            assert await index.trash.page(NAME, "", 9) == trashed
    with open_index(source) as index:
        assert await index.census.count() == counts
    with open_index(target) as index:
        assert await index.census.count() != counts
        assert not await index.completeness.whole()
        assert await index.lists.repositories("", 9) == []
        await do(index, "push", manifest_truth("c"), tag_truth("latest", "c"))
        assert [move.new for move in await index.history.of_tag(NAME, LATEST, EVERY, 1)] == [digest_of("c")]
        await tell(index, ManifestTruth(digest_of("whole"), facts("whole")))
        found = await index.lookups.manifest_by_digest(NAME, digest_of("whole"))
        assert isinstance(found, StoredManifest)


async def test_a_target_in_use_is_refused(places: Places) -> None:
    """A target that has a history of its own is refused, named, and not changed."""
    source, target = places
    for place in places:
        with open_index(place) as index:
            await live(index)
    with pytest.raises(Unavailable, match="rows of its own already, in history, trash") as caught:
        move_kept(source, target)
    assert str(target) in str(caught.value.detail)
    with open_index(target) as index:
        assert len(await index.history.of_tag(NAME, LATEST, EVERY, 9)) == 2


async def test_a_target_that_knows_the_manifests(places: Places) -> None:
    """A target that has begun to adopt, but was not used yet, takes what is moved."""
    source, target = places
    with open_index(source) as index:
        await live(index)
    with open_index(target) as index:
        await tell(index, ManifestTruth(digest_of("whole"), facts("whole")), manifest_truth("b"))
    assert move_kept(source, target)["history"] == 2
