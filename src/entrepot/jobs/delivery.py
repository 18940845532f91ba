# SPDX-License-Identifier: Apache-2.0
"""Tells endpoints of events: each in order, each event until the endpoint took it (``notifications``, compat.md 5.4).

The feed lies in the index, so what was not told is told after a restart. What was told within the last moment before a
crash is told again, under the same id. Each endpoint has a loop of its own, and none has anything to do with a push.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from entrepot.index.index import Index
from entrepot.index.outbox import Outbox
from entrepot.jobs.feeding import Bounds, FeedKeeper, News, Progress
from entrepot.jobs.settings import Endpoint
from entrepot.jobs.telling import Teller
from entrepot.oci.errors import RegistryError
from entrepot.telemetry.events import EventMetrics
from entrepot.telemetry.logs import Logger

RETRY_SECONDS = 1.0
"""Until the index is asked again, where it could not be read."""


JOB = "events"
"""The lease of whoever delivers. Two at once would only tell twice."""

LEASE_SECONDS = 15.0
RENEW_SECONDS = 5.0


class NotLeading(Exception):  # the fact, not a fault
    """Another process has the lease."""


async def deliver_forever(
    index: Index, endpoints: Sequence[Endpoint], bounds: Bounds, metrics: EventMetrics, log: Logger
) -> None:
    """Keep the feed and tell all endpoints, whenever no other process does, until cancelled."""
    while True:
        if await _lead(index, log):
            try:
                await _deliver(index, endpoints, bounds, metrics, log)
            except* NotLeading:
                log.warning("another process delivers events now")
        await asyncio.sleep(RENEW_SECONDS)


async def _deliver(
    index: Index, endpoints: Sequence[Endpoint], bounds: Bounds, metrics: EventMetrics, log: Logger
) -> None:
    outbox = index.outbox
    all_progress, news = await _begin_patiently(outbox, endpoints, metrics, log)
    keeper = FeedKeeper(outbox, all_progress, news, bounds, log)
    async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        group.create_task(_go_on_leading(index, log))
        group.create_task(keeper.place_forever())
        group.create_task(keeper.trim_forever())
        group.create_task(keeper.save_forever())
        for progress in all_progress:
            from entrepot.jobs.posting import Poster  # the client takes memory that a registry without endpoints keeps

            poster = await stack.enter_async_context(Poster(progress.endpoint))
            group.create_task(Teller(outbox, progress, poster, news, log).tell_forever())


async def _go_on_leading(index: Index, log: Logger) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        if not await _lead(index, log):
            raise NotLeading


async def _lead(index: Index, log: Logger) -> bool:
    """Whether the job is ours for another :data:`LEASE_SECONDS`. Asks until the index answers."""
    while True:
        try:
            return await index.leases.take(JOB, LEASE_SECONDS)
        except (RegistryError, OSError) as error:
            log.warning("events cannot be delivered yet; trying again", detail=str(error))
            await asyncio.sleep(RETRY_SECONDS)


async def _begin_patiently(
    outbox: Outbox, endpoints: Sequence[Endpoint], metrics: EventMetrics, log: Logger
) -> tuple[list[Progress], News]:
    while True:
        try:
            return await begin(outbox, endpoints, metrics, log)
        except (RegistryError, OSError) as error:
            log.warning("events cannot be delivered yet; trying again", detail=str(error))
            await asyncio.sleep(RETRY_SECONDS)


async def begin(
    outbox: Outbox, endpoints: Sequence[Endpoint], metrics: EventMetrics, log: Logger
) -> tuple[list[Progress], News]:
    """How far each endpoint was told. A new one begins with what happens from now on; one that is configured no more
    is forgotten.
    """
    extent = await outbox.extent()
    oldest, newest = (0, 0) if extent is None else (extent.oldest, extent.newest)
    told = await outbox.told()
    for name in told.keys() - {endpoint.name for endpoint in endpoints}:
        log.warning("an endpoint is configured no more and forgotten", endpoint=name, untold=newest - told[name])
        await outbox.forget([name])
    await outbox.tell({endpoint.name: newest for endpoint in endpoints if endpoint.name not in told})
    all_progress = []
    for endpoint in endpoints:
        position = told.get(endpoint.name, newest)
        progress = Progress(endpoint, position, position, metrics.endpoint(endpoint.name))
        if position:
            progress.skip(position + 1, oldest - 1)
        progress.counts.pending = newest - max(progress.position, oldest - 1)
        all_progress.append(progress)
    return all_progress, News(newest)
