# SPDX-License-Identifier: Apache-2.0
"""What is recorded is found again: manifests, tags, blobs with their sizes; recording twice changes nothing."""

import contextlib
from functools import partial

import pytest

from entrepot.index.changes import NameBusy
from entrepot.index.engine import Transaction
from entrepot.index.facts import BlobTruth, HeldBlob, LargeManifest, ManifestTruth, StoredManifest, TagTruth
from entrepot.index.index import Index, open_engine
from entrepot.index.places import IndexPlace
from entrepot.index.statements import Statement
from entrepot.oci.digests import Digest
from entrepot.oci.names import Tag
from support.facts import blob_name, change, digest_of, facts, held, manifest_truth, tag_truth, tell
from support.rooms import NAME, OTHER

LATEST = Tag("latest")
COUNTED = (
    "repositories",
    "tags",
    "revisions",
    "layers",
    "manifests",
    "manifest_references",
    "blobs",
    "intents",
    "pins",
)


def count_rows(place: IndexPlace) -> dict[str, int]:
    """How many rows each table has."""
    with contextlib.closing(open_engine(place)) as engine:

        def count(table: str, tx: Transaction) -> int:
            row = tx.one(Statement(f"SELECT count(*) FROM {table}", (), {}), {})  # noqa: S608
            return int((row or (0,))[0] or 0)

        return {table: engine.write_blocking(partial(count, table)) for table in COUNTED}


async def test_manifests(index: Index) -> None:
    """A manifest is found by its tag and its digest in the repository that holds it, and in no other."""
    await tell(index, manifest_truth("m"), tag_truth("latest", "m"))
    for found in (
        await index.lookups.manifest_by_tag(NAME, LATEST),
        await index.lookups.manifest_by_digest(NAME, digest_of("m")),
    ):
        assert isinstance(found, StoredManifest)
        assert (found.digest, found.payload) == (digest_of("m"), b"m")
    assert await index.lookups.manifest_by_tag(OTHER, LATEST) is None
    assert await index.lookups.manifest_by_digest(OTHER, digest_of("m")) is None
    assert await index.lookups.manifest_by_tag(NAME, Tag("Latest")) is None


async def test_a_large_manifest(index: Index) -> None:
    """A payload over 64 KiB is not read by the look-up but by :meth:`load`; one that went in between is None."""
    small, large = "s" * 65536, "l" * 65537
    await tell(index, manifest_truth(small), manifest_truth(large), tag_truth("latest", large))
    assert isinstance(await index.lookups.manifest_by_digest(NAME, digest_of(small)), StoredManifest)
    found = await index.lookups.manifest_by_tag(NAME, LATEST)
    assert found == await index.lookups.manifest_by_digest(NAME, digest_of(large)) == LargeManifest(digest_of(large))
    loaded = await index.lookups.load(found)
    assert loaded is not None
    assert (loaded.digest, loaded.payload) == (digest_of(large), large.encode())
    assert await index.lookups.load(LargeManifest(digest_of("gone"))) is None


async def test_tags_move_and_go(index: Index) -> None:
    """A tag is what was recorded last; removing it leaves its manifest and its siblings."""
    await tell(index, manifest_truth("a"), manifest_truth("b"), tag_truth("latest", "a"), tag_truth("other", "a"))
    await tell(index, tag_truth("latest", "b"))
    found = await index.lookups.manifest_by_tag(NAME, LATEST)
    assert found is not None
    assert found.digest == digest_of("b")
    await tell(index, tag_truth("latest", None))
    assert await index.lookups.manifest_by_tag(NAME, LATEST) is None
    assert await index.lookups.manifest_by_tag(NAME, Tag("other")) is not None
    assert await index.lookups.manifest_by_digest(NAME, digest_of("b")) is not None


async def test_manifests_go_from_one_repository(index: Index) -> None:
    """A manifest removed from one repository stays in the others."""
    for name in (NAME, OTHER):
        await tell(index, manifest_truth("m"), name=name)
    await tell(index, ManifestTruth(digest_of("m"), None))
    assert await index.lookups.manifest_by_digest(NAME, digest_of("m")) is None
    assert await index.lookups.manifest_by_digest(OTHER, digest_of("m")) is not None


async def test_blobs(index: Index) -> None:
    """A blob is held by the repository that linked it, with its size, until its link goes."""
    await tell(index, held("blob"))
    assert await index.lookups.blob(NAME, digest_of("blob")) == HeldBlob(digest_of("blob"), 4, verified=True)
    assert await index.lookups.blob(OTHER, digest_of("blob")) is None
    assert await index.lookups.repository_with_blob(digest_of("blob")) == NAME
    await tell(index, BlobTruth(digest_of("blob"), None))
    assert await index.lookups.blob(NAME, digest_of("blob")) is None
    assert await index.lookups.repository_with_blob(digest_of("blob")) is None


async def test_aliases(index: Index) -> None:
    """An alias is held under its own digest with the bytes of another, and is no source for mounts."""
    alias = Digest.of(b"blob", "sha512")
    await tell(index, BlobTruth(alias, HeldBlob(digest_of("blob"), 4, verified=False)))
    assert await index.lookups.blob(NAME, alias) == HeldBlob(digest_of("blob"), 4, verified=False)
    assert await index.lookups.blob(NAME, digest_of("blob")) is None
    assert await index.lookups.repository_with_blob(alias) is None


async def test_verified_stays_verified(index: Index) -> None:
    """Bytes once verified stay so when another repository's link is read from storage; the other way they become so."""
    await tell(index, held("a", verified=False), held("b"))
    assert await index.lookups.verified_size(digest_of("a")) is None
    assert await index.lookups.verified_size(digest_of("b")) == 1
    await tell(index, held("a"), held("b", verified=False), name=OTHER)
    assert await index.lookups.verified_size(digest_of("a")) == 1
    assert await index.lookups.verified_size(digest_of("b")) == 1
    assert await index.lookups.verified_size(digest_of("never")) is None


async def test_linking_a_blob(index: Index, other: Index) -> None:
    """A link is recorded in one transaction, but not while the blob is being removed."""
    blob = HeldBlob(digest_of("blob"), 4, verified=True)
    removal = await other.changes.begin(change(blob_name("blob"), removes=True))
    with pytest.raises(NameBusy) as caught:
        await index.blobs.link(NAME, digest_of("blob"), blob)
    assert caught.value.holders == (other.holder.name,)
    assert await index.lookups.blob(NAME, digest_of("blob")) is None
    await index.blobs.link(OTHER, digest_of("blob"), blob)
    await other.changes.finish(removal, NAME, [])
    await index.blobs.link(NAME, digest_of("blob"), blob)
    assert await index.lookups.blob(NAME, digest_of("blob")) == blob
    assert await index.lookups.blob(OTHER, digest_of("blob")) == blob


async def test_recording_twice_changes_nothing(index: Index, place: IndexPlace) -> None:
    """Settling, repair and rebuild may tell the same again: there is one row of each."""
    whole = facts("m", subject=digest_of("s"), blobs=[digest_of("1"), digest_of("2")], children=[digest_of("c")])
    truths = (ManifestTruth(whole.digest, whole), TagTruth(LATEST, whole.digest), held("1"))
    await tell(index, *truths)
    once = count_rows(place)
    assert once == {
        "repositories": 1,
        "tags": 1,
        "revisions": 1,
        "layers": 1,
        "manifests": 1,
        "manifest_references": 3,
        "blobs": 2,
        "intents": 0,
        "pins": 0,
    }
    for _ in range(2):
        await tell(index, *truths)
    assert count_rows(place) == once


async def test_gone_twice(index: Index, place: IndexPlace) -> None:
    """Telling that something is gone which never was is no error and leaves no row."""
    gone = (ManifestTruth(digest_of("m"), None), TagTruth(LATEST, None), BlobTruth(digest_of("b"), None))
    for _ in range(2):
        await tell(index, *gone)
    assert {table for table, rows in count_rows(place).items() if rows} <= {"repositories"}


async def test_payload_once_per_digest(index: Index, place: IndexPlace) -> None:
    """A manifest in many repositories is kept once, and each has it."""
    await tell(index, manifest_truth("m"))
    await tell(index, manifest_truth("m"), name=OTHER)
    counted = count_rows(place)
    assert (counted["manifests"], counted["revisions"]) == (1, 2)
