# SPDX-License-Identifier: Apache-2.0
"""Runs the collector, by the clock or when somebody asks (``collector``, ``entrepot gc``)."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from entrepot.index.index import Index
from entrepot.jobs.adopting import COMPARED
from entrepot.jobs.pace import Pace
from entrepot.jobs.settings import CollectorSettings
from entrepot.oci.errors import RegistryError
from entrepot.registry.adoption import REPORT_FIRST, Rest
from entrepot.registry.agreement import Disagreement
from entrepot.registry.asking import ASKED
from entrepot.registry.collection import Collection, Cutoff, Tally
from entrepot.registry.names import Names
from entrepot.storage.ports import Storage
from entrepot.telemetry.logs import Logger

JOB = "collector"

LEASE_SECONDS = 15.0
"""For which a round is ours; renewed while it runs."""

FIRST_SECONDS = 60.0
"""After the comparison that follows a start, at most: restarts in a row shall not each collect."""

POLL_SECONDS = 2.0
"""Between two looks at whether somebody asked for a round."""

STEADY = 300.0
"""Seconds by which the clock may differ from the time that really passed. Beyond, it was set, and nothing is collected
until the next round: a clock a year ahead would end every grace at once."""

KEEP_COLLECTED = 90 * 24 * 3600.0
"""Seconds for which ``entrepot gc explain`` remembers what went."""


class Busy(Exception):
    """Another process collects."""


@dataclass(slots=True)
class Clock:
    """Notices that the clock was set."""

    wall: float
    monotonic: float

    @classmethod
    def start(cls) -> "Clock":
        """From now on."""
        return cls(time.time(), time.monotonic())

    def steady(self) -> bool:
        """Whether it was not set since the last call."""
        wall, monotonic = time.time(), time.monotonic()
        drift = abs((wall - self.wall) - (monotonic - self.monotonic))
        self.wall, self.monotonic = wall, monotonic
        return drift < STEADY


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
    if not await index.leases.take(JOB, LEASE_SECONDS):
        raise Busy("another process collects just now")
    first = await index.kept.get(REPORT_FIRST) is not None
    until = time.monotonic() + LEASE_SECONDS / 2

    async def rest_and_renew() -> None:
        nonlocal until
        if time.monotonic() > until:
            await index.leases.take(JOB, LEASE_SECONDS)
            until = time.monotonic() + LEASE_SECONDS / 2
        report(collection.tally)
        await rest()

    now = time.time()
    cutoff = Cutoff(now, now - settings.grace, dry or first)
    collection = Collection(storage, index, Names(storage, index), cutoff, rest_and_renew)
    try:
        tally = await collection.run()
        if first and not dry:
            await index.kept.drop(REPORT_FIRST)
        await index.garbage.prune(now - KEEP_COLLECTED)
    finally:
        await index.leases.end(JOB)
    return tally, cutoff.dry


async def collect_forever(storage: Storage, index: Index, settings: CollectorSettings, log: Logger) -> None:
    """A round each interval, and soon after somebody asked, until cancelled. Begins once the index was compared."""
    if not settings.enabled:
        return
    clock = Clock.start()
    asked = await _wait(index, await index.kept.get(ASKED), min(FIRST_SECONDS, settings.interval))
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
        now_asked = await index.kept.get(ASKED)
        if now_asked != asked:
            return now_asked
    return asked


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


__all__ = ("COMPARED", "Busy", "Disagreement", "collect", "collect_forever")
