# SPDX-License-Identifier: Apache-2.0
"""What runs behind the workers: in a process of its own, or in the one worker that storage in memory allows."""

import asyncio
import contextlib
import signal
from functools import partial

from entrepot.app.opening import is_filesystem, open_place
from entrepot.app.shared import Shared
from entrepot.config.settings import Settings
from entrepot.index.index import Index
from entrepot.jobs.adopting import SERVED, adopt_and_compare
from entrepot.jobs.collecting import collect_forever
from entrepot.jobs.counting import note_counting_forever
from entrepot.jobs.delivery import deliver_forever
from entrepot.jobs.expiry import purge_forever
from entrepot.jobs.feeding import Bounds
from entrepot.jobs.retaining import retain_forever
from entrepot.jobs.settling import settle_forever
from entrepot.registry.adoption import Adoption
from entrepot.registry.names import Names
from entrepot.storage.ports import Storage
from entrepot.telemetry.events import EventMetrics
from entrepot.telemetry.logs import Logger, configure_logs
from entrepot.telemetry.metrics import expose
from entrepot.telemetry.notices import read_notices
from entrepot.telemetry.probes import Check, list_checks, watch_health
from entrepot.web.debug import start_debug_server


def run_jobs(shared: Shared) -> None:
    """The body of the jobs' process: until SIGTERM."""
    log = configure_logs(shared.settings.telemetry.log)

    async def main() -> None:
        with open_place(shared.place, log) as (storage, index):
            jobs = asyncio.ensure_future(do_jobs(shared, storage, index, log))
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, jobs.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await jobs

    asyncio.run(main())


async def do_jobs(shared: Shared, storage: Storage, index: Index, log: Logger) -> None:
    """All jobs, until cancelled."""
    settings = shared.settings
    debug = settings.telemetry.debug
    metrics = EventMetrics()
    with contextlib.ExitStack() as stack:
        if shared.debug is not None:
            path = debug.prometheus_path if debug.prometheus_enabled else None
            running = start_debug_server(
                shared.debug,
                shared.board,
                path,
                partial(expose, shared.run_directory, metrics),
                {"/debug/proxy": partial(read_notices, shared.run_directory)},
            )
            stack.callback(running.shutdown)
        async with asyncio.TaskGroup() as group:
            names = Names(storage, index)
            group.create_task(settle_forever(names, log))
            group.create_task(watch_health(_checks(settings, storage, index), shared.board, log))
            group.create_task(_compare_and_clear(shared, storage, index, names, log))
            group.create_task(deliver_forever(index, settings.jobs.endpoints, Bounds(), metrics, log))
            if not settings.registry.readonly:
                group.create_task(purge_forever(storage, settings.jobs.uploadpurging, log))
                group.create_task(note_counting_forever(index, log))


async def _compare_and_clear(shared: Shared, storage: Storage, index: Index, names: Names, log: Logger) -> None:
    """Nothing goes before index and storage were compared: another program may have held the data."""
    settings = shared.settings
    await index.kept.keep(SERVED, index.holder.name)
    await adopt_and_compare(storage, index, Adoption(storage, index, names), log)
    if not settings.registry.readonly:
        async with asyncio.TaskGroup() as group:
            group.create_task(collect_forever(storage, index, settings.jobs.collector, log))
            group.create_task(retain_forever(storage, index, settings.registry, log))


def _checks(settings: Settings, storage: Storage, index: Index) -> list[Check]:
    """The configured checks, and storage and index: always looked at, since ``/readyz`` speaks of them."""
    configured = settings.telemetry.health.storagedriver
    kind = "filesystem" if is_filesystem(settings) else "inmemory"
    stored = Check(
        name=f"storagedriver_{kind}",
        probe=storage.health.check_reading if settings.registry.readonly else storage.health.check,
        interval=configured.interval if configured.enabled else 10.0,
        threshold=configured.threshold if configured.enabled else 1,
        blocking=False,
    )
    indexed = Check("index", index.check, interval=stored.interval, threshold=stored.threshold, blocking=False)
    return [stored, indexed, *list_checks(settings.telemetry.health)]
