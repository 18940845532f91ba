# SPDX-License-Identifier: Apache-2.0
"""Runs retention on its schedule (``retention.interval``), or once when somebody asks (``entrepot retention run``)."""

import asyncio

from entrepot.index.index import Index
from entrepot.jobs.clock import Clock
from entrepot.jobs.pace import Pace
from entrepot.jobs.tenure import Busy, hold_lease
from entrepot.oci.errors import RegistryError
from entrepot.registry.adoption import Rest
from entrepot.registry.names import Names
from entrepot.registry.retaining import Retention, Tally
from entrepot.registry.settings import RegistrySettings
from entrepot.storage.ports import Storage
from entrepot.telemetry.logs import Logger

JOB = "retention"

FIRST_SECONDS = 60.0
"""After the comparison that follows a start, at most."""


async def retain(storage: Storage, index: Index, settings: RegistrySettings, rest: Rest) -> Tally:
    """One round. Raises :class:`Busy`. The index must be complete and compared."""
    async with hold_lease(index, JOB, "another process applies the retention policies just now", rest) as resting:
        return await Retention(storage, index, Names(storage, index), settings, resting).run()


async def retain_forever(storage: Storage, index: Index, settings: RegistrySettings, log: Logger) -> None:
    """A round each interval, until cancelled. Begins once the index was compared."""
    interval = settings.retention.interval
    if not settings.retention.policies:
        return
    clock = Clock.start()
    await asyncio.sleep(min(FIRST_SECONDS, interval))
    while True:
        if not clock.steady():
            # A year ahead, every tag would look a year older than it is.
            log.warning("the clock was set; retention drops nothing until the next round")
        else:
            await _retain_and_tell(storage, index, settings, log)
        await asyncio.sleep(interval)


async def _retain_and_tell(storage: Storage, index: Index, settings: RegistrySettings, log: Logger) -> None:
    try:
        tally = await retain(storage, index, settings, Pace(times=4).rest)
    except Busy:
        return
    except (RegistryError, OSError) as error:
        log.warning("retention failed; trying again after the interval", detail=str(error))
    else:
        if tally.tags or tally.manifests or tally.busy:
            log.info(
                "retention moved to the trash what no policy keeps",
                tags=tally.tags,
                untagged=tally.manifests,
                busy=tally.busy,
            )
