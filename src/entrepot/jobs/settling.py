# SPDX-License-Identifier: Apache-2.0
"""Settles changes whose process died, so that no name stays locked and storage and index agree."""

import asyncio

from entrepot.oci.errors import RegistryError
from entrepot.registry.names import Names
from entrepot.telemetry.logs import Logger

SECONDS = 2.0


async def settle_forever(names: Names, log: Logger) -> None:
    """Look every :data:`SECONDS`, until cancelled; who wants such a name earlier settles it himself."""
    while True:
        try:
            settled = await names.settle_dead()
        except (RegistryError, OSError) as error:
            log.warning("names of a dead process could not be settled; trying again", detail=str(error))
        else:
            if settled:
                log.info("settled names of a dead process", names=settled)
        await asyncio.sleep(SECONDS)
