# SPDX-License-Identifier: Apache-2.0
"""Holding a job's lease while a round of it runs."""

import contextlib
import time
from collections.abc import AsyncIterator

from entrepot.index.index import Index
from entrepot.registry.adoption import Rest

LEASE_SECONDS = 15.0
"""For which a round is ours; renewed while it runs."""


class Busy(Exception):
    """Another process does this job."""


@contextlib.asynccontextmanager
async def hold_lease(index: Index, job: str, busy: str, rest: Rest) -> AsyncIterator[Rest]:
    """Do ``job`` alone; what is given rests as ``rest`` does and renews the lease. Raises :class:`Busy` (``busy``)."""
    if not await index.leases.take(job, LEASE_SECONDS):
        raise Busy(busy)
    until = time.monotonic() + LEASE_SECONDS / 2

    async def rest_and_renew() -> None:
        nonlocal until
        if time.monotonic() > until:
            await index.leases.take(job, LEASE_SECONDS)
            until = time.monotonic() + LEASE_SECONDS / 2
        await rest()

    try:
        yield rest_and_renew
    finally:
        await index.leases.end(job)
