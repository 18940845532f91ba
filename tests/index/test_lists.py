# SPDX-License-Identifier: Apache-2.0
"""Lists: entries after ``last`` in bytewise order, as many as asked for."""

import pytest

from entrepot.index.facts import ManifestTruth, TagTruth
from entrepot.index.index import Index
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from support.facts import digest_of, facts, held, manifest_truth, tag_truth, tell
from support.rooms import NAME, OTHER

TAGS = ["1", "10", "2", "A", "_", "a", "a-1", "a.1", "a_1", "b"]
NAMES = ["a", "a-b", "a.b", "a/b", "a0", "zz", "zz-a", "zz.c", "zz/b"]
SUBJECT = digest_of("subject")


@pytest.mark.parametrize(
    ("last", "limit", "expected"),
    [
        ("", -1, TAGS),
        ("", 3, TAGS[:3]),
        ("2", 3, TAGS[3:6]),
        ("20", 2, TAGS[3:5]),
        ("b", 5, []),
        ("", 0, []),
        ("~", -1, []),
        ("a", 1, ["a-1"]),
        ("a\0~", 1, ["a-1"]),
    ],
)
async def test_tags(index: Index, last: str, limit: int, expected: list[str]) -> None:
    """Tags come in bytewise order, after ``last`` whether it is there or not."""
    await tell(index, manifest_truth("m"), *(tag_truth(tag, "m") for tag in reversed(TAGS)))
    await tell(index, manifest_truth("m"), tag_truth("foreign", "m"), name=OTHER)
    assert await index.lists.tags(NAME, last, limit) == expected


@pytest.mark.parametrize(
    ("last", "limit", "expected"),
    [("", 100, NAMES), ("", 2, NAMES[:2]), ("a.b", 2, NAMES[3:5]), ("b", 100, NAMES[5:]), ("zz/b", 9, []), ("", 0, [])],
)
async def test_repositories(index: Index, last: str, limit: int, expected: list[str]) -> None:
    """Repositories that hold manifests come in bytewise order, after ``last``."""
    for name in reversed(NAMES):
        await tell(index, manifest_truth("m"), name=RepositoryName(name))
    await tell(index, held("only a blob"), name=RepositoryName("blobs"))
    assert await index.lists.repositories(last, limit) == expected


async def test_empty_repositories_are_not_listed(index: Index) -> None:
    """A repository leaves the catalog with its last manifest, but is still known."""
    assert not await index.lists.repository_known(NAME)
    await tell(index, manifest_truth("m"))
    assert await index.lists.repositories("", 9) == [NAME]
    await tell(index, ManifestTruth(digest_of("m"), None))
    assert await index.lists.repositories("", 9) == []
    assert await index.lists.repository_known(NAME)


async def test_tags_of_a_manifest(index: Index) -> None:
    """All tags that point to a manifest of this repository, and no others."""
    await tell(index, manifest_truth("m"), manifest_truth("n"), tag_truth("b", "m"), tag_truth("a", "m"))
    await tell(index, tag_truth("c", "n"))
    await tell(index, manifest_truth("m"), tag_truth("d", "m"), name=OTHER)
    assert await index.lists.tags_of(NAME, digest_of("m")) == ["a", "b"]
    await tell(index, TagTruth(Tag("a"), digest_of("n")))
    assert await index.lists.tags_of(NAME, digest_of("m")) == ["b"]


async def refer(index: Index, count: int, artifact_type: str | None) -> list[Digest]:
    """Push ``count`` manifests with this subject; their digests, sorted."""
    every = [facts(f"{artifact_type} {n}", subject=SUBJECT, artifact_type=artifact_type) for n in range(count)]
    await tell(index, *(ManifestTruth(one.digest, one) for one in every))
    return sorted(one.digest for one in every)


async def test_referrers(index: Index) -> None:
    """Referrers come by digest, of one type or all, page by page; the subject need not be there."""
    sboms, signatures, plain = await refer(index, 5, "sbom"), await refer(index, 4, "sig"), await refer(index, 1, None)
    every = sorted(sboms + signatures + plain)

    async def found(artifact_type: str | None, last: str = "", limit: int = 99) -> list[Digest]:
        page = await index.lists.referrers(NAME, SUBJECT, artifact_type, last, limit)
        assert {one.artifact_type for one in page} <= {artifact_type, *(["sbom", "sig"] if not artifact_type else [])}
        return [one.manifest.digest for one in page]

    assert await found(None) == every
    assert await found("sbom") == sboms
    assert await found("sig", sboms[0], 2) == [one for one in signatures if one > sboms[0]][:2]
    assert await found(None, every[3], 3) == every[4:7]
    assert await found("other") == []
    assert await found("sbom\0") == []
    assert await index.lists.referrers(OTHER, SUBJECT, None, "", 9) == []
    assert await index.lists.referrers(NAME, digest_of("other"), None, "", 9) == []


async def test_referrers_go(index: Index) -> None:
    """A referrer that is removed is listed no more."""
    first, second = await refer(index, 2, "sbom")
    await tell(index, ManifestTruth(first, None))
    assert [one.manifest.digest for one in await index.lists.referrers(NAME, SUBJECT, None, "", 9)] == [second]


@pytest.mark.parametrize(
    ("term", "expected"),
    [("", NAMES), ("z", NAMES[5:]), ("z-a", ["zz-a"]), ("a_", []), ("%", []), ("!", []), ("\\", []), ("a\0", [])],
)
async def test_search(index: Index, term: str, expected: list[str]) -> None:
    """Names that contain the term, in bytewise order; no letter of it stands for others."""
    for name in reversed(NAMES):
        await tell(index, manifest_truth("m"), name=RepositoryName(name))
    assert await index.lists.search(term, 100) == expected
    assert await index.lists.search(term, 1) == expected[:1]


async def test_a_letter_that_stands_for_others_stands_for_itself(index: Index) -> None:
    """An underscore is found where it is one."""
    for name in ("a-b", "a_b"):
        await tell(index, manifest_truth("m"), name=RepositoryName(name))
    assert await index.lists.search("a_b", 9) == ["a_b"]
