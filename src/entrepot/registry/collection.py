# SPDX-License-Identifier: Apache-2.0
"""Collecting what nothing needs, while people push and pull (design "The collector").

In this order: what the trash kept long enough loses its links; blobs that no manifest of their repository names lose
theirs; bytes without links are condemned, and go under a lock that every commit of the same digest shares.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from entrepot.index.facts import BlobTruth, Change, ManifestTruth, Name
from entrepot.index.garbage import Bytes
from entrepot.index.index import Index
from entrepot.index.trash import Trashed
from entrepot.oci.digests import Digest
from entrepot.oci.errors import Unavailable
from entrepot.oci.names import RepositoryName
from entrepot.registry.adoption import Rest
from entrepot.registry.agreement import require_agreement
from entrepot.registry.names import Names
from entrepot.storage.ports import Storage
from entrepot.storage.threads import finish

BATCH = 100
"""Names or digests that go in one step."""

PAGE = 500
"""Repositories read from the index at a time."""


@dataclass(slots=True)
class Tally:
    """What a round did, or would have done."""

    expired: int = 0
    links: int = 0
    blobs: int = 0
    size: int = 0
    found: int = 0
    busy: int = 0


@dataclass(frozen=True, slots=True)
class Cutoff:
    """``now``: Unix seconds; ``before``: what was touched later stays; ``dry``: nothing goes, it is only counted."""

    now: float
    before: float
    dry: bool


@dataclass(slots=True)
class Collection:
    """One round. The index is complete and was compared with storage since anybody else could write there."""

    storage: Storage
    index: Index
    names: Names
    cutoff: Cutoff
    rest: Rest
    tally: Tally = field(default_factory=Tally)

    async def run(self) -> Tally:
        """Raises ``Disagreement`` before anything went."""
        await require_agreement(self.storage, self.index, self.rest)
        await self._expire()
        await self._unlink()
        await self._meet()
        await self._sweep()
        return self.tally

    async def _expire(self) -> None:
        if self.cutoff.dry:
            self.tally.expired = len(await self.index.trash.due(self.cutoff.now, 1_000_000))
            return
        busy = 0
        while not busy and (due := await self.index.trash.due(self.cutoff.now, BATCH)):
            for repository, entries in groupby(sorted(due, key=_by_repository), key=lambda entry: entry.repository):
                together = list(entries)
                try:
                    await self._expire_in(repository, together)
                except Unavailable:
                    busy += len(together)  # they are due in the next round as well; the others of this one go on
                else:
                    self.tally.expired += len(together)
            await self.rest()
        self.tally.busy += busy
        while await self.index.pulls.prune(self.cutoff.now):
            await self.rest()

    async def _expire_in(self, repository: RepositoryName, entries: Sequence[Trashed]) -> None:
        hidden = [entry.digest for entry in entries if entry.linked]
        if hidden:
            names = tuple(Name("manifest", digest) for digest in hidden)
            async with self.names.hold(Change(repository, names, removes=True)) as held:
                trash = self.index.trash
                going = [digest for digest in hidden if await trash.is_hidden(repository, digest)]
                await self.storage.links.remove_revisions(repository, going)
                held.finish(*(ManifestTruth(digest, None) for digest in going))
        await self.index.trash.forget(entries)

    async def _unlink(self) -> None:
        last = ""
        while names := await self.index.lists.known_repositories(last, PAGE):
            for name in names:
                if await self.index.garbage.is_opaque(name):
                    continue
                digests = await self.index.garbage.links(name, self.cutoff.before)
                for at in range(0, len(digests), BATCH):
                    await self._unlink_in(name, digests[at : at + BATCH])
                    await self.rest()
                await self.rest()
            last = names[-1]

    async def _unlink_in(self, name: RepositoryName, digests: Sequence[Digest]) -> None:
        if self.cutoff.dry:
            self.tally.links += len(digests)
            return
        names = tuple(Name("blob", digest) for digest in digests)
        try:
            async with self.names.hold(Change(name, names, removes=True)) as held:
                going = await self.index.garbage.still_unnamed(name, digests, self.cutoff.before)
                await self.storage.links.remove_layers(name, going)
                held.finish(*(BlobTruth(digest, None) for digest in going))
        except Unavailable:
            self.tally.busy += len(digests)  # somebody needs one of them; the next round comes
        else:
            self.tally.links += len(going)

    async def _meet(self) -> None:
        """Bytes of which no row tells: left by a crash between bytes and row, or written by another program."""
        batch: list[tuple[Digest, int]] = []
        async for found in self.storage.blobs.walk():
            batch.append(found)
            if len(batch) == PAGE:
                await self._meet_all(batch)
                batch.clear()
        await self._meet_all(batch)

    async def _meet_all(self, batch: Sequence[tuple[Digest, int]]) -> None:
        if not self.cutoff.dry:
            self.tally.found += await self.index.garbage.meet(batch, self.cutoff.now)
        await self.rest()

    async def _sweep(self) -> None:
        last = ""
        while page := await self.index.garbage.bytes(self.cutoff.before, last, BATCH):
            gone = page if self.cutoff.dry else await self._remove(page)
            self.tally.blobs += len(gone)
            self.tally.size += sum(one.size for one in gone)
            self.tally.busy += len(page) - len(gone)
            last = page[-1].digest
            await self.rest()

    async def _remove(self, page: Sequence[Bytes]) -> list[Bytes]:
        garbage, cutoff = self.index.garbage, self.cutoff
        await garbage.condemn([one.digest for one in page], cutoff.before, cutoff.now)
        async with self.storage.locks.claim([one.digest for one in page]) as claimed:
            going = set(await garbage.still_condemned(claimed, cutoff.before))
            gone = [one for one in page if one.digest in going]
            await self.storage.blobs.remove([one.digest for one in gone])
            await finish(asyncio.ensure_future(garbage.forget(gone, cutoff.now)))
        return gone


def _by_repository(entry: Trashed) -> str:
    return entry.repository
