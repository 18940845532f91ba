# SPDX-License-Identifier: Apache-2.0
"""Remembers since when every pull is counted: what nobody pulled while nobody counted is not unused.

Counting stops while the registry is read-only, stands still, or another program serves the same data.
"""

import asyncio
import time

from entrepot.index.index import Index
from entrepot.oci.errors import RegistryError
from entrepot.registry.retaining import COUNTED_SINCE
from entrepot.telemetry.logs import Logger

COUNTED_UNTIL = "pulls counted until"
"""The key of ``kept`` that is written while pulls are counted."""

SECONDS = 600.0
"""Between two times that it is written."""

GAP = 24 * 3600.0
"""Seconds without counting after which it begins anew; a shorter stop (an update, a reboot) does not matter."""


async def note_counting(index: Index) -> None:
    """Pulls are counted now; and since now, where for long they were not or the clock was set."""
    now = time.time()
    since, until = [await index.kept.get(key) for key in (COUNTED_SINCE, COUNTED_UNTIL)]
    if since is None or until is None or float(since) > now or now - float(until) > GAP:
        await index.kept.keep(COUNTED_SINCE, str(now))
    await index.kept.keep(COUNTED_UNTIL, str(now))


async def note_counting_forever(index: Index, log: Logger) -> None:
    """Every :data:`SECONDS`, until cancelled."""
    while True:
        try:
            await note_counting(index)
        except (RegistryError, OSError) as error:
            log.warning("it could not be noted that pulls are counted; trying again", detail=str(error))
        await asyncio.sleep(SECONDS)
