# SPDX-License-Identifier: Apache-2.0
"""Lists: repositories, tags and referrers, page by page."""

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import NameUnknown
from entrepot.oci.names import RepositoryName
from entrepot.registry.registry import Registry
from support import images
from support.houses import push
from support.rooms import NAME, OTHER


async def test_pages_of_tags(registry: Registry) -> None:
    """Pages follow each other without gap or repetition, and only those with more behind them say so."""
    tags = [f"v{number:02}" for number in range(7)]
    await push(registry, NAME, images.image(), *reversed(tags))
    seen: list[str] = []
    more = True
    while more:
        page = await registry.catalogue.tags(NAME, seen[-1] if seen else "", 3)
        seen += page.entries
        more = page.more
    assert seen == tags
    for limit, entries, behind in ((0, [], False), (7, tags, False), (6, tags[:6], True), (-1, tags, False)):
        page = await registry.catalogue.tags(NAME, "", limit)
        assert (list(page.entries), page.more) == (entries, behind)


async def test_pages_of_repositories(registry: Registry) -> None:
    """The catalog comes in bytewise order, page by page."""
    content = images.image()
    names = ["a", "a-b", "a/b", "b", "z/z"]
    for name in reversed(names):
        await push(registry, RepositoryName(name), content)
    first = await registry.catalogue.repositories("", 3)
    assert (list(first.entries), first.more) == (names[:3], True)
    second = await registry.catalogue.repositories(first.entries[-1], 3)
    assert (list(second.entries), second.more) == (names[3:], False)


async def test_unknown_repositories(registry: Registry) -> None:
    """Tags of an unknown repository are NAME_UNKNOWN with its name; its referrers are an empty list."""
    with pytest.raises(NameUnknown) as caught:
        await registry.catalogue.tags(OTHER, "", 9)
    assert caught.value.detail == {"name": OTHER}
    assert (await registry.catalogue.referrers(OTHER, Digest.of(b""), None, "")).entries == []


async def test_referrers(registry: Registry) -> None:
    """Referrers are found by subject and type: artifactType, or for images without one their config's type."""
    subject = images.image()
    await push(registry, NAME, subject)
    every = {
        "sbom": images.artifact("sbom", subject=subject),
        "signature": images.artifact("signature", subject=subject),
        images.OCI_CONFIG: images.image(subject=subject),
        None: images.index([subject], subject=subject),
    }
    for one in every.values():
        await push(registry, NAME, one)
    await push(registry, NAME, images.artifact("sbom", subject=images.image()))
    await push(registry, OTHER, images.artifact("sbom", subject=subject))
    found = await registry.catalogue.referrers(NAME, Digest(subject.digest), None, "")
    assert {one.artifact_type: one.manifest.digest for one in found.entries} == {
        kind: one.digest for kind, one in every.items()
    }
    assert [one.manifest.digest for one in found.entries] == sorted(one.digest for one in every.values())
    for kind in ("sbom", "signature", images.OCI_CONFIG):
        page = await registry.catalogue.referrers(NAME, Digest(subject.digest), kind, "")
        assert [one.manifest.payload for one in page.entries] == [every[kind].data]


async def test_referrers_go_with_their_manifest(registry: Registry) -> None:
    """A referrer is listed while it is there, also when its subject is not."""
    subject = images.image()
    referrer = images.artifact(subject=subject)
    digest = await push(registry, NAME, referrer)
    assert len((await registry.catalogue.referrers(NAME, Digest(subject.digest), None, "")).entries) == 1
    await registry.manifests.remove(NAME, digest)
    assert (await registry.catalogue.referrers(NAME, Digest(subject.digest), None, "")).entries == []
