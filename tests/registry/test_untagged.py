# SPDX-License-Identifier: Apache-2.0
"""Manifests that nothing keeps alive, sent to the trash when somebody asks for it."""

import time

import pytest

from entrepot.index.deeds import Deed
from entrepot.oci.callers import THE_REGISTRY
from entrepot.registry.registry import Registry
from support import images
from support.houses import House, push
from support.rooms import NAME


@pytest.fixture(autouse=True)
async def whole(house: House) -> None:
    """All that storage holds is known."""
    await house.index.completeness.mark_whole()


@pytest.mark.parametrize("batch", [1, 3, 200])
async def test_untagged(house: House, registry: Registry, batch: int) -> None:
    """All go that neither tag nor index nor subject needs, with their children and referrers, in pages of whatever
    size; those that a tag keeps stay.
    """
    shared, kept = images.image(), images.image()
    first, second = images.index([shared, kept]), images.index([shared, images.image()])
    signature = images.artifact(subject=second)
    for one in (first, second, signature):
        await push(registry, NAME, one)
    await push(registry, NAME, kept, "kept")
    orphans = {one.digest for made in (first, second, signature) for one in made.walk()} - {kept.digest}
    soon = time.time() + 1
    gone: list[str] = []
    last = ""
    assert await registry.trash.page(NAME, "", 100) == []
    while page := await house.index.untagged.page(NAME, soon, last, batch):
        gone += await house.index.untagged.throw(NAME, page, soon, Deed("delete", THE_REGISTRY, 60))
        last = page[-1]
    assert sorted(gone) == sorted(orphans)
    assert {entry.digest for entry in await registry.trash.page(NAME, "", 100)} == orphans
    assert await house.index.untagged.page(NAME, soon, "", 200) == []
