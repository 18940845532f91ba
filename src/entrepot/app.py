# SPDX-License-Identifier: Apache-2.0
"""Builds every object by name and passes it down: settings in, running server out."""

import asyncio
import contextlib
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from entrepot.config.settings import Settings
from entrepot.index.index import Index, open_index
from entrepot.jobs.adopting import adopt_and_compare
from entrepot.jobs.expiry import purge_forever
from entrepot.jobs.settling import settle_forever
from entrepot.oci.errors import RegistryError, Unavailable
from entrepot.processes.address import bind_tcp, bind_unix
from entrepot.processes.supervisor import Child, Supervisor, die_with_parent
from entrepot.registry.adoption import Adoption
from entrepot.registry.names import Names
from entrepot.registry.registry import join
from entrepot.storage.claim import NETWORK_KINDS, claim_directory, filesystem_kind
from entrepot.storage.filesystem import open_filesystem
from entrepot.storage.layout import OWN
from entrepot.storage.memory import open_memory
from entrepot.storage.ports import Storage
from entrepot.storage.reserve import fill_reserve, give_up_reserve
from entrepot.storage.settings import FilesystemSettings
from entrepot.telemetry.health import HealthBoard
from entrepot.telemetry.logs import AccessLog, Logger, configure_logs
from entrepot.telemetry.metrics import RequestMetrics, expose
from entrepot.telemetry.probes import Check, list_checks, watch_health
from entrepot.web.debug import start_debug_server
from entrepot.web.edge import Edge, Parts
from entrepot.web.lifespan import Lifespan, flush_access_log, snapshot_metrics
from entrepot.web.locations import Locations
from entrepot.web.pages import Pages
from entrepot.web.settings import TcpAddress, UnixAddress
from entrepot.web.v1 import Search
from entrepot.web.v2.api import Api

DRAIN_SECONDS = 10.0
"""For open requests after SIGTERM where ``http.draintimeout`` is silent; ``docker stop`` kills after ten."""

DESCRIPTORS = 4096
"""Open files of one process below which many clients at once would be left waiting."""

Background = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Server:
    """What all processes of one server share; made before the first fork."""

    settings: Settings
    listener: socket.socket
    debug: socket.socket | None
    board: HealthBoard
    run_directory: Path
    index_path: Path
    log: Logger


def bind(address: TcpAddress | UnixAddress) -> socket.socket:
    """The listening address; raises ``AddressError``."""
    if isinstance(address, UnixAddress):
        return bind_unix(address.path)
    return bind_tcp(address.host, address.port, "http.addr")


def bind_debug(settings: Settings) -> socket.socket | None:
    """The debug server's address, where one is configured."""
    addr = settings.telemetry.debug.addr
    if addr is None:
        return None
    host, _, port = addr.rpartition(":")
    listener = bind_tcp(host.strip("[]"), int(port), "http.debug.addr")
    listener.listen()
    return listener


@contextlib.contextmanager
def prepare_server(settings: Settings, listener: socket.socket) -> Iterator[Server]:
    """Directories, health board and index, complete: what must be there before the first worker."""
    log = configure_logs(settings.telemetry.log)
    run_directory = Path(tempfile.mkdtemp(prefix="entrepot-"))
    try:
        with contextlib.ExitStack() as stack:
            driver = settings.storage.driver
            writable = not isinstance(driver, FilesystemSettings) or stack.enter_context(
                claim_directory(driver.rootdirectory)
            )
            if writable and isinstance(driver, FilesystemSettings):
                fill_reserve(driver.rootdirectory, settings.storage.disk.reserve)
            if not writable:
                log.warning("the data directory cannot be written: serving read-only, with a temporary index")
                settings = replace(settings, registry=replace(settings.registry, readonly=True))
            index_path = _index_path(settings, run_directory, beside_data=writable)
            yield Server(settings, listener, bind_debug(settings), HealthBoard(), run_directory, index_path, log)
    finally:
        shutil.rmtree(run_directory, ignore_errors=True)


def settle_index(server: Server) -> None:
    """Make the index where it is missing and settle what a crash left; in a fork, since that uses threads.

    Raises ``SystemExit`` where the index cannot be used; what to do is then said on stderr.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            die_with_parent(parent)
            asyncio.run(_settle_index(server))
            status = 0
        except RegistryError as error:
            print(f"Error: {error.detail}", file=sys.stderr)  # noqa: T201 - for the person who starts it
        except BaseException:  # noqa: BLE001 - a fork must never return into its parent's code
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(status)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise SystemExit(1)


def supervise(server: Server, workers: int) -> int:
    """Run workers and jobs until a signal; returns the exit status."""
    _raise_descriptor_limit(server.log)
    server.listener.listen(1024)
    drain = server.settings.http.draintimeout
    children = [Child(f"worker-{number}", partial(_run_worker, server, number)) for number in range(1, workers + 1)]
    if _is_filesystem(server.settings):
        children.append(Child("jobs", partial(_run_jobs, server), first=False))
    try:
        return Supervisor(
            children, DRAIN_SECONDS if drain is None else drain, partial(_refuse, server), server.log
        ).run()
    finally:
        if isinstance(server.settings.http.address, UnixAddress):
            server.settings.http.address.path.unlink(missing_ok=True)


def _raise_descriptor_limit(log: Logger) -> None:
    """Each connection and each file takes a descriptor; shells give 1,024 where the system allows many more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        log.warning("few open files are allowed: more connections than that wait; raise `ulimit -n`", allowed=hard)


def _refuse(server: Server) -> None:
    """New connections are refused from now on, in all processes: a socket that listens on while nobody accepts would
    let clients wait.
    """
    address = server.settings.http.address
    if isinstance(address, UnixAddress):
        address.path.unlink(missing_ok=True)  # before it refuses: from then on a successor may take its place
    with contextlib.suppress(OSError):
        server.listener.shutdown(socket.SHUT_RD)


def _is_filesystem(settings: Settings) -> bool:
    return isinstance(settings.storage.driver, FilesystemSettings)


def _make_room(server: Server) -> bool:
    """What the index does when the disk is full: others filled it, since uploads stop before that."""
    driver = server.settings.storage.driver
    if not isinstance(driver, FilesystemSettings) or not give_up_reserve(driver.rootdirectory):
        return False
    server.log.error("the disk is full; gave up the reserve file so that deletes still work. Free space there")
    return True


def _index_path(settings: Settings, run_directory: Path, *, beside_data: bool) -> Path:
    """Where the index lies. Raises ``Unavailable`` where it would lie on a network filesystem."""
    if settings.index.url is not None:
        return Path(settings.index.url.removeprefix("sqlite:///"))
    driver = settings.storage.driver
    if not isinstance(driver, FilesystemSettings) or not beside_data:
        return run_directory / "index.sqlite3"
    kind = filesystem_kind(driver.rootdirectory)
    if kind in NETWORK_KINDS:
        raise Unavailable(
            f"the data directory {driver.rootdirectory} lies on a network filesystem ({kind}), where an SQLite index "
            "is not safe; add to the configuration a place on a local disk for it:\n"
            "index:\n  url: sqlite:////var/lib/entrepot/index.sqlite3"
        )
    return driver.rootdirectory / OWN / "index.sqlite3"


def find_index(settings: Settings) -> Path:
    """Where a server on these settings has its index, if it may write its directory. Raises ``Unavailable``."""
    if not _is_filesystem(settings):
        raise Unavailable("storage: inmemory lives in the server's process, and so does its index")
    return _index_path(settings, Path(), beside_data=True)


@contextlib.contextmanager
def open_parts(settings: Settings) -> Iterator[tuple[Storage, Index]]:
    """Storage and index for a command that works beside a server, or without one. Raises ``Unavailable``."""
    path = find_index(settings)
    with _open_storage(settings) as storage, open_index(path) as index:
        yield storage, index


@contextlib.contextmanager
def _open_storage(settings: Settings) -> Iterator[Storage]:
    driver = settings.storage.driver
    if isinstance(driver, FilesystemSettings):
        with open_filesystem(driver, settings.storage.disk) as storage:
            yield storage
    else:
        yield open_memory()


async def _settle_index(server: Server) -> None:
    with _open_storage(server.settings) as storage, open_index(server.index_path, partial(_make_room, server)) as index:
        await Names(storage, index).settle_dead()
        index.holder.sweep()


def _run_worker(server: Server, number: int) -> None:
    from entrepot.web.server import run_worker

    settings = server.settings
    log = configure_logs(settings.telemetry.log)
    with _open_storage(settings) as storage, open_index(server.index_path, partial(_make_room, server)) as index:
        registry = join(storage, index, settings.registry)
        metrics = RequestMetrics()
        access = None if settings.telemetry.log.accesslog_disabled else AccessLog(sys.stdout.fileno())
        parts = Parts(
            Api(registry, Locations(settings.http)), Search(registry), Pages(server.board, registry.catalogue)
        )
        edge = Edge(registry, parts, settings.http, server.board, metrics, access, log)
        background: list[Background] = [partial(snapshot_metrics, metrics, server.run_directory)]
        if access is not None:
            background.append(partial(flush_access_log, access))
        if not _is_filesystem(settings):
            background.append(partial(_do_jobs, server, storage, index, log))
        run_worker(Lifespan(edge, background), server.listener, number, http2=settings.http.h2c_enabled)


def _run_jobs(server: Server) -> None:
    log = configure_logs(server.settings.telemetry.log)

    async def main() -> None:
        with (
            _open_storage(server.settings) as storage,
            open_index(server.index_path, partial(_make_room, server)) as index,
        ):
            jobs = asyncio.ensure_future(_do_jobs(server, storage, index, log))
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, jobs.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await jobs

    asyncio.run(main())


async def _do_jobs(server: Server, storage: Storage, index: Index, log: Logger) -> None:
    settings = server.settings
    debug = settings.telemetry.debug
    with contextlib.ExitStack() as stack:
        if server.debug is not None:
            path = debug.prometheus_path if debug.prometheus_enabled else None
            running = start_debug_server(server.debug, server.board, path, partial(expose, server.run_directory))
            stack.callback(running.shutdown)
        async with asyncio.TaskGroup() as group:
            names = Names(storage, index)
            group.create_task(settle_forever(names, log))
            group.create_task(watch_health(_checks(settings, storage, index), server.board, log))
            group.create_task(adopt_and_compare(storage, index, Adoption(storage, index, names), log))
            if not settings.registry.readonly:
                group.create_task(purge_forever(storage, settings.jobs.uploadpurging, log))


def _checks(settings: Settings, storage: Storage, index: Index) -> list[Check]:
    """The configured checks, and storage and index: always looked at, since ``/readyz`` speaks of them."""
    configured = settings.telemetry.health.storagedriver
    kind = "filesystem" if _is_filesystem(settings) else "inmemory"
    stored = Check(
        name=f"storagedriver_{kind}",
        probe=storage.health.check_reading if settings.registry.readonly else storage.health.check,
        interval=configured.interval if configured.enabled else 10.0,
        threshold=configured.threshold if configured.enabled else 1,
        blocking=False,
    )
    indexed = Check("index", index.check, interval=stored.interval, threshold=stored.threshold, blocking=False)
    return [stored, indexed, *list_checks(settings.telemetry.health)]
