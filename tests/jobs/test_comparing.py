# SPDX-License-Identifier: Apache-2.0
"""The comparison after a start: whatever another program did to storage, the index says the same afterwards."""

import asyncio

from structlog.testing import LogCapture

from entrepot.jobs.adopting import adopt_and_compare
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.adoption import Adoption
from entrepot.telemetry.logs import Logger
from support import images
from support.houses import House, differences, plant, push, push_manifest
from support.rooms import NAME, OTHER


async def compare(house: House, log: Logger, lines: LogCapture) -> int:
    """One comparison over an index that was whole before; how many names were repaired."""
    await house.index.completeness.mark_whole()
    await adopt_and_compare(house.storage, house.index, Adoption(house.storage, house.index, house.names), log)
    return int(lines.entries[-1]["repaired"])


async def test_agreement(house: House, log: Logger, lines: LogCapture) -> None:
    """Where nothing differs nothing is repaired."""
    await push(house.registry, NAME, images.index(), "latest")
    assert await compare(house, log, lines) == 0
    assert lines.entries[-1]["event"] == "compared the index with storage"


async def test_what_another_program_did(house: House, log: Logger, lines: LogCapture) -> None:
    """Pushed, moved, deleted and garbage-collected behind our back: all is found, and only that is repaired."""
    stays, goes, moved = images.image(), images.image(), images.image()
    for content, tag in ((stays, "stays"), (goes, "goes"), (moved, "moves")):
        await push(house.registry, NAME, content, tag)
    links = house.storage.links
    await links.remove_tags(NAME, [Tag("goes")])
    await links.remove_revisions(NAME, [Digest(goes.digest)])
    await links.remove_layers(NAME, [Digest(goes.blobs[0].digest)])
    await links.write_manifest(NAME, Digest(stays.digest), stays.data, (Tag("moves"),))
    new = await plant(house.storage, OTHER, images.image(layers=1), "latest")
    assert await differences(house) != []
    assert await compare(house, log, lines) == 4 + 4
    assert await differences(house) == []
    assert (await house.registry.manifests.get(NAME, Tag("moves"))).digest == stays.digest
    assert await house.registry.manifests.peek(NAME, Tag("goes")) is None
    found = await house.registry.manifests.peek(OTHER, Tag("latest"))
    assert found is not None
    assert found.digest == new


async def test_while_people_push(house: House, log: Logger, lines: LogCapture) -> None:
    """Names that change during the comparison end as their pushers left them."""
    contents = [images.image() for _ in range(4)]
    for content in contents:
        await push(house.registry, NAME, content)
    for number in range(20):
        await plant(house.storage, RepositoryName(f"adopted/{number}"), images.image(layers=1), "latest")
    comparing = asyncio.ensure_future(compare(house, log, lines))
    pushes = 0
    while not comparing.done():
        await push_manifest(house.registry, NAME, contents[pushes % 4], "latest", f"v{pushes % 7}")
        pushes += 1
    assert await comparing > 0
    assert pushes > 0
    assert (await house.registry.manifests.get(NAME, Tag("latest"))).digest == contents[(pushes - 1) % 4].digest
    assert await differences(house) == []
