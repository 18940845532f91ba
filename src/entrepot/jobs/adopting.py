# SPDX-License-Identifier: Apache-2.0
"""Brings the index to storage after a start, in the background, while the registry serves.

First, where the index is new, all repositories that it does not know whole; killed in between, the next start goes on
with the others. Then, at each start but one that has just read everything, a comparison: while no process of ours held
the data, registry:2 may have pushed, moved and deleted, or a collector may have run; and a crash between the link of a
blob and its row leaves the row missing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from entrepot.index.index import Index
from entrepot.jobs.pace import Pace
from entrepot.oci.errors import RegistryError
from entrepot.oci.names import RepositoryName
from entrepot.registry.adoption import Adoption, Rest
from entrepot.storage.ports import Storage
from entrepot.telemetry.logs import Logger

COMPARED = "compared by"
"""The key of ``kept`` under which stands who compared the index with storage: true while that process lives, since
nobody else can have held the data meanwhile."""

SERVED = "served by"
"""The key of ``kept`` under which stands who does the jobs of the server whose index this is."""

AT_ONCE = 16
"""Repositories adopted side by side: what they tell the index goes into the same commits, which cost most."""

PAGE = 500
"""Repositories read from the index at a time."""

REPORT_SECONDS = 10.0
"""Between two lines of progress in the log."""

RETRY_SECONDS = 30.0
"""Until the next attempt where storage or index could not be read."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison of everything found."""

    repositories: int
    repaired: int


async def adopt(
    storage: Storage, index: Index, adoption: Adoption, rest: Rest, report: Callable[[int], None]
) -> int | None:
    """Complete every repository that is not, then call the index whole. ``report``: repositories so far, now and then.

    Returns how many storage holds; None where the index was whole before.
    """
    if await index.completeness.whole():
        return None
    count = 0

    async def complete(names: list[RepositoryName]) -> None:
        nonlocal count
        outcomes = await asyncio.gather(*(adoption.complete(name) for name in names), return_exceptions=True)
        for failure in filter(None, outcomes):  # only once all have ended
            raise failure
        count += len(names)
        report(count)
        await rest()

    gathered: list[RepositoryName] = []
    async for name in storage.links.repositories():
        gathered.append(name)
        if len(gathered) == AT_ONCE:
            await complete(gathered)
            gathered.clear()
    await complete(gathered)
    await index.completeness.mark_whole()
    return count


async def compare(
    storage: Storage, index: Index, adoption: Adoption, rest: Rest, report: Callable[[int], None]
) -> Comparison:
    """Everything: first what the index knows, so that what is gone from storage goes from it, then the rest."""
    repositories = repaired = 0
    async for name in _everything(storage, index):
        repaired += await adoption.compare(name, rest)
        repositories += 1
        await rest()
        report(repositories)
    return Comparison(repositories, repaired)


async def adopt_and_compare(storage: Storage, index: Index, adoption: Adoption, log: Logger) -> None:
    """Both, each until it came to its end; tried again where storage or index fail in the middle."""

    fresh = not await index.completeness.whole() and (await index.census.count()).complete == 0

    async def adopting() -> None:
        pace = Pace(times=1)
        report = _Reporter(log, "adopting what storage holds; lists are slower until it ends").report
        count = await adopt(storage, index, adoption, pace.rest, report)
        if count is not None:
            log.info("adopted what storage holds", repositories=count)

    async def comparing() -> None:
        report = _Reporter(log, "comparing the index with storage").report
        found = await compare(storage, index, adoption, Pace(times=4).rest, report)
        log.info("compared the index with storage", repositories=found.repositories, repaired=found.repaired)

    for work in (adopting,) if fresh else (adopting, comparing):
        while True:
            try:
                await work()
                break
            except (RegistryError, OSError) as error:
                log.warning("the index could not be compared with storage; trying again", detail=str(error))
                await asyncio.sleep(RETRY_SECONDS)
    await index.kept.keep(COMPARED, index.holder.name)


async def _everything(storage: Storage, index: Index) -> AsyncIterator[RepositoryName]:
    last = ""
    while known := await index.lists.known_repositories(last, PAGE):
        for name in known:
            yield name
        last = known[-1]
    async for name in storage.links.repositories():
        if not await index.lists.repository_known(name):
            yield name


class _Reporter:
    """Tells the log now and then."""

    def __init__(self, log: Logger, event: str) -> None:
        self._log = log
        self._event = event
        self._last = time.monotonic()

    def report(self, repositories: int) -> None:
        if time.monotonic() - self._last >= REPORT_SECONDS:
            self._last = time.monotonic()
            self._log.info(self._event, repositories=repositories)
