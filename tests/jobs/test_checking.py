# SPDX-License-Identifier: Apache-2.0
"""A check beside people who push and delete."""

import asyncio

from entrepot.jobs.checking import Check, Treat, leave
from entrepot.jobs.mending import Mender
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName
from entrepot.registry.adoption import Adoption
from entrepot.registry.findings import Finding
from entrepot.registry.inspection import Inspection
from support import images
from support.houses import House, differences, push, push_blob
from support.rooms import NAME, load


def mender(house: House) -> Mender:
    """What repairs."""
    return Mender(house.storage, house.index, house.names, Adoption(house.storage, house.index, house.names))


async def check(house: House, treat: Treat = leave, sample: int | None = None) -> list[Finding]:
    """All that a check finds."""
    await house.index.completeness.mark_whole()
    inspection = Inspection(house.storage, house.index, Adoption(house.storage, house.index, house.names))
    checking = Check(house.storage, house.index, inspection, treat, lambda *_: None)
    return [finding async for finding in checking.run(sample)]


async def test_while_people_push_and_delete(house: House) -> None:
    """What changes while it is looked at is never called wrong, and a repair disturbs nobody."""
    contents = [images.image(layers=1) for _ in range(3)]
    stop = asyncio.Event()

    async def use(name: RepositoryName) -> int:
        rounds = 0
        while not stop.is_set():
            content = contents[rounds % 3]
            await push(house.registry, name, content, "latest", f"v{rounds % 4}")
            if rounds % 2:
                await house.registry.manifests.remove(name, Digest(content.digest))
            rounds += 1
        return rounds

    using = [asyncio.ensure_future(use(RepositoryName(f"team/{number}"))) for number in range(3)]
    found: list[Finding] = []
    for treat in (leave, mender(house).mend, leave, mender(house).mend):
        found += await check(house, treat)
    stop.set()
    assert all(rounds > 3 for rounds in await asyncio.gather(*using))
    assert [finding for finding in found if finding.severity != "information"] == []
    assert await differences(house) == []


async def test_wrong_bytes_that_somebody_pushes(house: House) -> None:
    """While somebody holds the digest to push it, wrong bytes are left alone; afterwards a repair sets them aside."""
    digest = await push_blob(house.registry, NAME, b"right")
    path = house.storage.blobs.path(digest)
    assert path is not None
    with open(path, "wb") as file:
        file.write(b"wrong")
    async with house.storage.locks.share(digest):
        (found,) = await check(house, mender(house).mend)
        assert "check again" in found.done
        assert await load(house.storage, digest) == b"wrong"
        assert await house.index.lookups.verified_size(digest) == 5
    (found,) = await check(house, mender(house).mend)
    assert "kept in" in found.done
    assert await house.storage.blobs.stat(digest) is None
    assert await house.index.lookups.verified_size(digest) is None
    await push_blob(house.registry, NAME, b"right")
    assert await load(house.storage, digest) == b"right"
    assert await differences(house) == []


async def test_samples(house: House) -> None:
    """As many blobs are read as the sample says, each of them found in time; none twice."""
    digests = [await push_blob(house.registry, NAME, bytes([number])) for number in range(10)]
    for digest in digests:
        path = house.storage.blobs.path(digest)
        assert path is not None
        with open(path, "wb") as file:
            file.write(b"x")
    found = {finding.where for _ in range(40) for finding in await check(house, sample=3)}
    assert found == {*map(str, digests)}
    for sample, number in ((0, 0), (3, 3), (10, 10), (20, 10), (None, 10)):
        assert len(await check(house, sample=sample)) == number


async def test_a_manifest_that_was_deleted_is_not_written_again(house: House) -> None:
    """A repair that comes late finds that the repository does not hold the manifest any more, and leaves it so."""
    content = images.image()
    digest = await push(house.registry, NAME, content, "latest")
    path = house.storage.blobs.path(digest)
    assert path is not None
    with open(path, "wb") as file:
        file.write(b"wrong")
    (found,) = await check(house)
    await house.registry.manifests.remove(NAME, Digest(digest))
    await mender(house).mend(found)
    assert not await house.storage.links.has_revision(NAME, digest)
