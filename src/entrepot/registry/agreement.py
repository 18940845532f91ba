# SPDX-License-Identifier: Apache-2.0
"""Whether index and storage agree well enough to remove anything by what the index says."""

import asyncio
import secrets
from collections.abc import AsyncIterator

from entrepot.index.index import Index
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName
from entrepot.registry.adoption import Rest
from entrepot.storage.ports import Storage

SAMPLE = 20
"""Repositories that are looked at from each of two places, one by chance, in the index and in storage."""

MANIFESTS = 500
"""Manifests that are looked at in one repository."""

DISAGREEMENT = 0.01
"""Share of the manifests looked at that only one of both may know; one is always allowed, for a push under way."""


MOMENT = 0.5
"""Seconds until a second look at what differs."""


class Disagreement(Exception):
    """Storage and index disagree too much to collect anything."""


async def require_agreement(storage: Storage, index: Index, rest: Rest) -> None:
    """Compare a sample of both. Raises :class:`Disagreement` with what to do."""
    if not await index.completeness.whole():
        raise Disagreement("the index does not know all that storage holds yet; nothing was collected")
    looked_at = differing = 0
    async for name in _sample(storage, index):
        count, unlike = await _differences(storage, index, name)
        if unlike:  # a push may just have been between its link and its row
            await asyncio.sleep(MOMENT)
            count, still = await _differences(storage, index, name)
            differing += len(unlike & still)
        looked_at += count
        await rest()
    if differing > max(1, DISAGREEMENT * looked_at):
        raise Disagreement(
            f"of {looked_at} manifests looked at, {differing} are known to the index alone or to storage alone, so "
            "nothing was collected; bring them together: entrepot index rebuild"
        )


async def _differences(storage: Storage, index: Index, name: RepositoryName) -> tuple[int, set[Digest]]:
    """How many manifests were looked at, and which of them only one of both knows."""
    here = set(await index.lists.revisions(name, "", MANIFESTS))
    there = set((await storage.links.list_revisions(name))[:MANIFESTS])
    end = min(_last(here), _last(there))
    unlike = {digest for digest in here ^ there if digest <= end}
    return max(len(here), len(there)), {one for one in unlike if await storage.blobs.stat(one) is not None}


async def _sample(storage: Storage, index: Index) -> AsyncIterator[RepositoryName]:
    names: set[RepositoryName] = set()
    for start in ("", secrets.choice("0123456789abcdefghijklmnopqrstuvwxyz")):
        names.update(await index.lists.known_repositories(start, SAMPLE))
        count = 0
        async for name in storage.links.repositories(start):
            names.add(name)
            count += 1
            if count == SAMPLE:
                break
    for name in sorted(names):
        yield name


def _last(digests: set[Digest]) -> str:
    """Where a page ends; beyond every digest where it holds all."""
    return max(digests) if len(digests) == MANIFESTS else "~"
