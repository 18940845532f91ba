# SPDX-License-Identifier: Apache-2.0
"""Pulls: how many of which tag and manifest, and the events of those who want to hear of each.

On the way of a pull one entry of a dictionary is raised; every few seconds the counts are added to those in the index.
What a process counted since then dies with it where it is killed (-9): at most the last :data:`SECONDS` of pulls.
"""

import asyncio
import time
from collections.abc import Callable

from entrepot.index.changes import ROWS
from entrepot.index.facts import StoredManifest
from entrepot.index.pulls import PullCount
from entrepot.index.pulls import Pulls as CountsInIndex
from entrepot.oci.callers import Caller
from entrepot.oci.digests import Digest
from entrepot.oci.errors import RegistryError
from entrepot.oci.names import Reference, RepositoryName
from entrepot.registry.pull_events import PullEvents
from entrepot.telemetry.logs import Logger

SECONDS = 3.0
"""Between two times that counts are written; a last pull is known as exactly as that."""

MOST = 20_000
"""Names counted at a time (some 10 MB); pulls of others are lost until these are written, and the log says how many."""

REST = 4
"""Times that a transaction took, between it and the next: pushes wait for the index, too."""

Pulled = tuple[RepositoryName, Reference, Digest]
"""From where, by what name, which manifest."""


class PullCounts:
    """The counts of one process. Not to be used by several threads."""

    def __init__(self, index: CountsInIndex) -> None:
        self._index = index
        self._counts: dict[Pulled, int] = {}
        self._rows: list[PullCount] = []
        self._lost = 0

    def note(self, pulled: Pulled) -> None:
        """Count one pull."""
        known = self._counts.get(pulled)
        if known is not None:
            self._counts[pulled] = known + 1
        elif len(self._counts) < MOST:
            self._counts[pulled] = 1
        else:
            self._lost += 1

    async def write(self, rest: float) -> int:
        """Add what was counted to the index, at most ``ROWS`` in a transaction, and pause after each for ``rest`` times
        as long as it took. Returns how many pulls were lost since the last time, for they were of too many names.
        """
        counts, self._counts = self._counts, {}
        lost, self._lost = self._lost, 0
        self._rows += _rows(counts, time.time())
        while self._rows:
            began = time.monotonic()
            batch = self._rows[-ROWS:]
            del self._rows[-ROWS:]
            await self._index.add(batch)
            await asyncio.sleep((time.monotonic() - began) * rest)
        return lost

    def drop(self) -> int:
        """Forget what could not be written; returns how many names."""
        dropped = len(self._rows)
        self._rows.clear()
        return dropped


class Pulls:
    """What is told of each pull. ``counts`` is None where nothing may be written (read-only)."""

    def __init__(self, counts: PullCounts | None, events: PullEvents) -> None:
        self.counts = counts
        self.events = events

    def note_manifest(
        self, repository: RepositoryName, reference: Reference, manifest: StoredManifest, find: Callable[[], Caller]
    ) -> None:
        """Somebody pulled a manifest by ``reference``; ``find`` says who, where that is asked."""
        if self.counts is not None:
            self.counts.note((repository, reference, manifest.digest))
        if self.events.wanted:
            self.events.note_manifest(repository, reference, manifest, find())

    def note_look(
        self, repository: RepositoryName, reference: Reference, manifest: StoredManifest, find: Callable[[], Caller]
    ) -> None:
        """Somebody asked what a manifest is (HEAD): an event, as in distribution, and nothing that counts."""
        if self.events.wanted:
            self.events.note_manifest(repository, reference, manifest, find())

    def note_blob(self, repository: RepositoryName, digest: Digest, size: int, find: Callable[[], Caller]) -> None:
        """Somebody pulled a blob, or a part of it."""
        if self.events.wanted:
            self.events.note_blob(repository, digest, size, find())


async def write_counts(counts: PullCounts, log: Logger) -> None:
    """Write them every :data:`SECONDS`, until cancelled, and then once more."""
    try:
        while True:
            await asyncio.sleep(SECONDS)
            await _write(counts, REST, log)
    finally:
        await _write(counts, 0, log)


async def _write(counts: PullCounts, rest: float, log: Logger) -> None:
    try:
        lost = await counts.write(rest)
    except (RegistryError, OSError) as error:
        log.warning("counts of pulls could not be written and are lost", names=counts.drop(), detail=str(error))
        return
    if lost:
        log.warning("pulls of too many names at once: some are not counted", lost=lost)


def _rows(counts: dict[Pulled, int], now: float) -> list[PullCount]:
    """Each pull by tag counts for the tag and for the manifest."""
    sums: dict[tuple[RepositoryName, Reference], int] = {}
    for (repository, reference, digest), count in counts.items():
        for name in {reference, digest}:
            sums[repository, name] = sums.get((repository, name), 0) + count
    return [PullCount(repository, name, count, now) for (repository, name), count in sums.items()]
