# SPDX-License-Identifier: Apache-2.0
"""Events of pulls, gathered for a moment: writing each to the index by itself would cost more than the pull.

What is gathered dies with its process. Nothing is gathered where nobody wants to hear of pulls.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from entrepot.index.facts import StoredManifest
from entrepot.index.outbox import Outbox
from entrepot.oci.callers import Caller
from entrepot.oci.digests import Digest
from entrepot.oci.errors import RegistryError
from entrepot.oci.names import Reference, RepositoryName, Tag
from entrepot.registry.events import Describer
from entrepot.registry.settings import EventSettings
from entrepot.telemetry.logs import Logger

SECONDS = 0.5
"""Between two times that gathered pulls are written."""

MOST = 10_000
"""Pulls gathered at most; more are lost, and the log says how many."""

MOST_BYTES = 16 * 1024 * 1024
"""Of manifests whose references are to be told, likewise."""


class PullEvents:
    """The events of pulls of one process. Not to be used by several threads."""

    def __init__(self, outbox: Outbox, settings: EventSettings) -> None:
        self.wanted = settings.pulls
        self._outbox = outbox
        self._describer = Describer(settings)
        self._gathered: list[tuple[RepositoryName, Callable[[], str]]] = []
        self._bytes = 0
        self._lost = 0

    def note_manifest(
        self, repository: RepositoryName, reference: Reference, manifest: StoredManifest, caller: Caller
    ) -> None:
        """Somebody pulled a manifest by ``reference``."""
        tag = None if isinstance(reference, Digest) else Tag(reference)
        now = time.time_ns()
        self._note(
            repository,
            lambda: self._describer.event(
                "pull", self._describer.manifest(repository, tag, manifest, caller), caller, now
            ),
            len(manifest.payload),
        )

    def note_blob(self, repository: RepositoryName, digest: Digest, size: int, caller: Caller) -> None:
        """Somebody pulled a blob, or a part of it."""
        now = time.time_ns()
        self._note(
            repository,
            lambda: self._describer.event("pull", self._describer.blob(repository, digest, size, caller), caller, now),
            0,
        )

    async def write(self) -> int:
        """Write what is gathered; returns how many pulls were lost since the last time, for there were too many."""
        gathered, self._gathered = self._gathered, []
        lost, self._lost, self._bytes = self._lost, 0, 0
        if gathered:
            await self._outbox.add_of(await asyncio.to_thread(_describe, gathered))
        return lost

    def _note(self, repository: RepositoryName, describe: Callable[[], str], size: int) -> None:
        if len(self._gathered) >= MOST or self._bytes + size > MOST_BYTES:
            self._lost += 1
            return
        self._gathered.append((repository, describe))
        self._bytes += size


def _describe(gathered: Sequence[tuple[RepositoryName, Callable[[], str]]]) -> list[tuple[RepositoryName, str]]:
    return [(repository, describe()) for repository, describe in gathered]


async def write_pull_events(events: PullEvents, log: Logger) -> None:
    """Write them every :data:`SECONDS`, until cancelled, and then once more."""
    try:
        while True:
            await asyncio.sleep(SECONDS)
            await _write(events, log)
    finally:
        await _write(events, log)


async def _write(events: PullEvents, log: Logger) -> None:
    try:
        lost = await events.write()
    except (RegistryError, OSError) as error:
        log.warning("events of pulls could not be written and are lost", detail=str(error))
        return
    if lost:
        log.warning("too many pulls at once: events of some are lost", lost=lost)
