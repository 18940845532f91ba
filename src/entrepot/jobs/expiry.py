# SPDX-License-Identifier: Apache-2.0
"""Removes uploads that were begun long ago and never finished (``storage.maintenance.uploadpurging``)."""

import asyncio
from datetime import UTC, datetime, timedelta

from entrepot.jobs.settings import UploadPurging
from entrepot.oci.errors import RegistryError
from entrepot.storage.ports import Storage, UploadBusy
from entrepot.telemetry.logs import Logger

FIRST_SECONDS = 60.0
"""After the start, so that a restart loop does not walk storage each time."""


async def purge_uploads(storage: Storage, settings: UploadPurging, log: Logger) -> int:
    """One round; returns how many were removed (or would have been, on a dry run)."""
    removed = errors = 0
    moment = datetime.now(UTC) - timedelta(seconds=settings.age)
    async for name, upload in storage.uploads.began_before(moment):
        try:
            if not settings.dryrun:
                await storage.uploads.remove(name, upload)
            removed += 1
        except (UploadBusy, RegistryError, OSError):
            errors += 1
    log.info("Purge uploads finished", deleted=removed, errors=errors, dryrun=settings.dryrun)
    return removed


async def purge_forever(storage: Storage, settings: UploadPurging, log: Logger) -> None:
    """A round each interval, until cancelled."""
    if not settings.enabled:
        return
    await asyncio.sleep(min(FIRST_SECONDS, settings.interval))
    while True:
        try:
            await purge_uploads(storage, settings, log)
        except (RegistryError, OSError) as error:
            log.warning("uploads could not be purged; trying again after the interval", detail=str(error))
        await asyncio.sleep(settings.interval)
