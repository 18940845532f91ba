# SPDX-License-Identifier: Apache-2.0
"""What the index says of one digest over all repositories."""

from dataclasses import replace

from entrepot.index.facts import ManifestTruth
from entrepot.index.index import Index
from support.facts import digest_of, facts, held, manifest_truth, tag_truth, tell
from support.rooms import NAME, OTHER


async def test_nothing_is_known(index: Index) -> None:
    """Of a digest that nobody told nothing is said."""
    digest = digest_of("blob")
    assert await index.audit.size(digest) is None
    assert await index.audit.payload(digest) is None
    assert await index.audit.repositories_with_blob(digest) == []
    assert await index.audit.repositories_with_manifest(digest) == []
    assert await index.audit.tags_that_need(digest) == []


async def test_who_needs_a_blob(index: Index) -> None:
    """Repositories that hold it, and tags of the manifests that name it, also through an index of an index; not those
    of manifests that name another.
    """
    blob = digest_of("blob")
    await tell(index, held("blob"), name=NAME)
    await tell(index, held("blob"), held("another"), name=OTHER)
    image = ManifestTruth(digest_of("image"), facts("image", blobs=[blob]))
    inner = ManifestTruth(digest_of("inner"), facts("inner", children=[image.digest]))
    outer = ManifestTruth(digest_of("outer"), facts("outer", children=[inner.digest]))
    stranger = ManifestTruth(digest_of("stranger"), facts("stranger", blobs=[digest_of("another")]))
    await tell(index, image, inner, outer, tag_truth("1.0", "image"), tag_truth("all", "outer"), name=NAME)
    await tell(index, image, stranger, tag_truth("copy", "image"), tag_truth("strange", "stranger"), name=OTHER)
    assert await index.audit.repositories_with_blob(blob) == [NAME, OTHER]
    needing = [(NAME, "1.0"), (NAME, "all"), (OTHER, "copy")]
    assert await index.audit.tags_that_need(blob) == needing
    assert await index.audit.tags_that_need(image.digest) == needing
    assert await index.audit.tags_that_need(outer.digest) == [(NAME, "all")]
    assert await index.audit.repositories_with_manifest(image.digest) == [NAME, OTHER]


async def test_payload_outlives_membership(index: Index) -> None:
    """The bytes of a manifest are known by its digest after the last repository has dropped it."""
    truth = manifest_truth("image")
    await tell(index, truth)
    assert await index.audit.payload(truth.digest) == b"image"
    await tell(index, replace(truth, facts=None))
    assert await index.audit.repositories_with_manifest(truth.digest) == []
    assert await index.audit.payload(truth.digest) == b"image"


async def test_a_blob_that_is_forgotten(index: Index) -> None:
    """A forgotten blob is trusted no more and held by nobody, until it is told again."""
    blob = digest_of("blob")
    await tell(index, held("blob"))
    assert await index.audit.size(blob) == await index.lookups.verified_size(blob) == 4
    await index.audit.forget_blob(blob)
    assert await index.audit.size(blob) is None
    assert await index.lookups.verified_size(blob) is None
    assert await index.lookups.blob(NAME, blob) is None
    await tell(index, held("blob"))
    assert await index.lookups.blob(NAME, blob) is not None
