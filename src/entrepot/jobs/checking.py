# SPDX-License-Identifier: Apache-2.0
"""Checks a registry: its layout, each repository, index against storage, and digests against bytes."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from entrepot.index.facts import Name
from entrepot.index.index import Index
from entrepot.oci.digests import Digest
from entrepot.oci.errors import RegistryError
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.adoption import take_turns
from entrepot.registry.findings import Finding, judge
from entrepot.registry.inspection import Inspection
from entrepot.storage.ports import Storage, StoredBlob

PAGE = 500
"""Repositories read from the index at a time."""

SAMPLE = 100
"""Blobs whose bytes are read where nobody said how many."""

Report = Callable[[str, int, int], None]
"""Called now and then with what is being done, how much of it is, and of how much; 0: nobody knows."""

Treat = Callable[[Finding], Awaitable[Finding]]
"""What is done about a finding; gives it back with what was done."""


@dataclass(slots=True)
class Tally:
    """What was looked at: how many repositories, how many blobs there are, and how many of them were read."""

    repositories: int = 0
    blobs: int = 0
    read: int = 0


async def leave(finding: Finding) -> Finding:
    """Do nothing about it."""
    return finding


class Check:
    """One check; ``tally`` counts what it looked at. It remembers which blobs it will read, and which were wrong."""

    def __init__(self, storage: Storage, index: Index, inspection: Inspection, treat: Treat, report: Report) -> None:
        self._storage = storage
        self._index = index
        self._inspection = inspection
        self._treat = treat
        self._report = report
        self.tally = Tally()
        self._wrong: set[Digest] = set()
        self._incomplete = 0

    async def run(self, sample: int | None) -> AsyncIterator[Finding]:
        """All findings, treated. ``sample``: how many blobs are read, chosen at random, besides those of which
        something is odd and all manifests; None: every blob. Raises ``Unavailable`` where storage is gone.
        """
        for part in (self._layout(), self._repositories(), self._blobs(sample)):
            async for finding in part:
                yield await self._treat(finding)
        await self._storage.health.check_reading()

    async def _layout(self) -> AsyncIterator[Finding]:
        count = 0
        async for oddity in self._storage.survey.oddities():
            finding = judge(oddity)
            if finding.kind != "remains" or await self._is_left(finding):
                yield finding
            count += 1
            self._report("looking at the layout", count, 0)

    async def _is_left(self, finding: Finding) -> bool:
        """A tag that is just being made has no link yet; one that was made meanwhile has."""
        if finding.repository is None or finding.name is None:
            return True
        if await self._inspection.is_under_change(finding.repository, finding.name):
            return False
        return await self._storage.links.read_tag(finding.repository, Tag(finding.name.name)) is None

    async def _repositories(self) -> AsyncIterator[Finding]:
        total = (await self._index.census.count()).repositories
        async for name in self._everything():
            if not await self._index.completeness.of(name):
                self._incomplete += 1
            try:
                async for finding in self._inspection.inspect(name, take_turns):
                    if finding.kind != "wrong-bytes" or self._is_new(finding.digest):
                        yield finding
            except (RegistryError, OSError) as error:
                yield Finding("unreadable", name, str(error), name)
            self.tally.repositories += 1
            self._report("looking at repositories", self.tally.repositories, max(total, self.tally.repositories))
        if self._incomplete:
            yield Finding("not-adopted", "index", f"{self._incomplete} repositories are not known whole yet")

    async def _everything(self) -> AsyncIterator[RepositoryName]:
        """What the index knows, then what only storage holds."""
        last = ""
        while known := await self._index.lists.known_repositories(last, PAGE):
            for name in known:
                yield name
            last = known[-1]
        async for name in self._storage.survey.repositories():
            if not await self._index.lists.repository_known(name):
                yield name

    async def _blobs(self, sample: int | None) -> AsyncIterator[Finding]:
        whole = await self._index.completeness.whole()
        chosen: list[StoredBlob] = []
        odd: list[StoredBlob] = []
        total = 0
        async for blob in self._storage.survey.blobs():
            self.tally.blobs += 1
            total += blob.size
            known = await self._index.audit.size(blob.digest)
            if known is None and whole:
                yield Finding("blob-without-row", blob.digest, f"{blob.size} bytes", None, Name("blob", blob.digest))
            if known not in {None, blob.size}:
                odd.append(blob)
            elif sample is not None:
                _choose(chosen, blob, self.tally.blobs - len(odd), sample)
            self._report("counting blobs", self.tally.blobs, 0)
        async for finding in self._read_odd(odd):
            yield finding
        if sample is not None:
            total = sum(blob.size for blob in chosen)
        async for finding in self._read_all(
            _each(chosen) if sample is not None else self._storage.survey.blobs(), total
        ):
            yield finding

    async def _read_odd(self, odd: list[StoredBlob]) -> AsyncIterator[Finding]:
        """Blobs whose size is not the one that the index knows: their bytes say who is right."""
        for blob in odd:
            async for finding in self._read(blob, lambda _: None):
                yield finding
            known = await self._index.audit.size(blob.digest)
            if blob.digest not in self._wrong and known not in {None, await self._storage.blobs.stat(blob.digest)}:
                words = f"{blob.size} bytes there, {known} in the index"
                yield Finding("size-differs", blob.digest, words, None, Name("blob", blob.digest))

    async def _read_all(self, blobs: AsyncIterator[StoredBlob], total: int) -> AsyncIterator[Finding]:
        done = 0

        def advance(size: int) -> None:
            nonlocal done
            done += size
            self._report("reading blobs", done, max(total, done))

        async for blob in blobs:
            async for finding in self._read(blob, advance):
                yield finding

    async def _read(self, blob: StoredBlob, advance: Callable[[int], None]) -> AsyncIterator[Finding]:
        if blob.digest in self._wrong:
            return
        try:
            measured = await self._storage.survey.measure(blob.digest, advance)
        except (RegistryError, OSError) as error:
            yield Finding("unreadable", blob.digest, str(error), None, Name("blob", blob.digest))
            return
        self.tally.read += 1
        if measured is not None and measured.actual != blob.digest and self._is_new(blob.digest):
            name = Name("blob", blob.digest)
            yield await self._inspection.describe_wrong(name, measured.actual, measured.size, None)

    def _is_new(self, digest: Digest) -> bool:
        """Whether it was not found wrong before, in another repository; it is from now on."""
        known = digest in self._wrong
        self._wrong.add(digest)
        return not known


def _choose(chosen: list[StoredBlob], blob: StoredBlob, count: int, sample: int) -> None:
    """Keep ``sample`` of the ``count`` seen until now, each with the same probability."""
    if len(chosen) < sample:
        chosen.append(blob)
    else:
        place = random.randrange(count)  # noqa: S311 - chance, not secrecy
        if place < sample:
            chosen[place] = blob


async def _each(blobs: list[StoredBlob]) -> AsyncIterator[StoredBlob]:
    for blob in blobs:
        yield blob
