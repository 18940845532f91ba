# SPDX-License-Identifier: Apache-2.0
"""Runs the collector, by the clock or when somebody asks (``collector``, ``entrepot gc``)."""

import asyncio
import time
from collections.abc import Callable

from entrepot.index.index import Index
from entrepot.jobs.clock import Clock
from entrepot.jobs.pace import Pace
from entrepot.jobs.settings import CollectorSettings
from entrepot.jobs.tenure import Busy, hold_lease
from entrepot.oci.errors import RegistryError
from entrepot.registry.adoption import REPORT_FIRST, Rest
from entrepot.registry.agreement import Disagreement
from entrepot.registry.asking import ASKED
from entrepot.registry.collection import Collection, Cutoff, Tally
from entrepot.registry.names import Names
from entrepot.storage.ports import Storage
from entrepot.telemetry.logs import Logger

JOB = "collector"

FIRST_SECONDS = 60.0
"""After the comparison that follows a start, at most: restarts in a row shall not each collect."""

POLL_SECONDS = 2.0
"""Between two looks at whether somebody asked for a round."""

KEEP_COLLECTED = 90 * 24 * 3600.0
"""Seconds for which ``entrepot gc explain`` remembers what went."""


async def collect(
    storage: Storage,
    index: Index,
    settings: CollectorSettings,
    rest: Rest,
    report: Callable[[Tally], None] = lambda _: None,
    *,
    dry: bool = False,
) -> tuple[Tally, bool]:
    """One round, and whether it only counted: so does the first one after data of another program was adopted.

    ``report`` hears how far it is. Raises :class:`Busy`, ``Disagreement``. The index must be complete and compared.
    """

    async def report_and_rest() -> None:
        report(collection.tally)
        await rest()

    async with hold_lease(index, JOB, "another process collects just now", report_and_rest) as resting:
        first = await index.kept.get(REPORT_FIRST) is not None
        now = time.time()
        cutoff = Cutoff(now, now - settings.grace, dry or first)
        collection = Collection(storage, index, Names(storage, index), cutoff, resting)
        tally = await collection.run()
        if first and not dry:
            await index.kept.drop(REPORT_FIRST)
        await index.garbage.prune(now - KEEP_COLLECTED)
    return tally, cutoff.dry


async def collect_forever(storage: Storage, index: Index, settings: CollectorSettings, log: Logger) -> None:
    """A round each interval, and soon after somebody asked, until cancelled. Begins once the index was compared."""
    if not settings.enabled:
        return
    clock = Clock.start()
    asked = await _wait(index, await _when_asked(index, None), min(FIRST_SECONDS, settings.interval))
    while True:
        if not clock.steady():
            log.warning("the clock was set; nothing is collected until the next round")
        else:
            await _collect_and_tell(storage, index, settings, log)
        asked = await _wait(index, asked, settings.interval)


async def _wait(index: Index, asked: str | None, seconds: float) -> str | None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await asyncio.sleep(min(POLL_SECONDS, max(0.0, until - time.monotonic())))
        now_asked = await _when_asked(index, asked)
        if now_asked != asked:
            return now_asked
    return asked


async def _when_asked(index: Index, unknown: str | None) -> str | None:
    """When somebody asked for a round last; ``unknown`` while the index is away, which must not end the jobs."""
    try:
        return await index.kept.get(ASKED)
    except RegistryError:
        return unknown


async def _collect_and_tell(storage: Storage, index: Index, settings: CollectorSettings, log: Logger) -> None:
    try:
        tally, dry = await collect(storage, index, settings, Pace(times=4).rest)
    except Busy:
        return
    except Disagreement as error:
        log.error("the collector stopped", detail=str(error))  # noqa: TRY400 - a finding, not a fault
    except (RegistryError, OSError) as error:
        log.warning("collecting failed; trying again after the interval", detail=str(error))
    else:
        facts = {"expired": tally.expired, "links": tally.links, "blobs": tally.blobs, "bytes": tally.size}
        if dry:
            log.info("the first round after adopting only reports; the next one collects this", **facts)
        elif any(facts.values()):
            log.info("collected what nothing needs", **facts)
