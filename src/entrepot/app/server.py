# SPDX-License-Identifier: Apache-2.0
"""One server from its claim on the data to its last child: address, directory, index, processes."""

import asyncio
import contextlib
import resource
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from entrepot.app.certificates import CertificateRenewal, Served, verify
from entrepot.app.gates import prepare_gate
from entrepot.app.jobs import run_jobs
from entrepot.app.opening import Place, is_filesystem, name_source, open_place, place_index, require_own
from entrepot.app.shared import Shared
from entrepot.app.worker import run_worker
from entrepot.config.settings import Settings
from entrepot.oci.errors import RegistryError
from entrepot.processes.address import bind_tcp, bind_unix
from entrepot.processes.children import Child, Flag, run_apart
from entrepot.processes.generations import Renew
from entrepot.processes.supervisor import Supervisor
from entrepot.registry.names import Names
from entrepot.storage.claim import claim_directory
from entrepot.storage.reserve import fill_reserve
from entrepot.storage.settings import FilesystemSettings
from entrepot.telemetry.health import HealthBoard
from entrepot.telemetry.logs import Logger, configure_logs
from entrepot.web.settings import TcpAddress, UnixAddress

DRAIN_SECONDS = 10.0
"""For open requests after SIGTERM where ``http.draintimeout`` is silent; ``docker stop`` kills after ten."""

DESCRIPTORS = 4096
"""Open files of one process below which many clients at once would be left waiting."""


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


@dataclass(frozen=True, slots=True)
class Workforce:
    """The first workers, and whoever is to follow them; ``names``: of the certificate that they serve."""

    first: Sequence[Child]
    renew: Renew
    names: tuple[str, ...] = ()


@contextlib.contextmanager
def prepare_server(settings: Settings, listener: socket.socket) -> Iterator[Shared]:
    """Directories, health board and index, complete: what must be there before the first worker."""
    log = configure_logs(settings.telemetry.log)
    run_directory = Path(tempfile.mkdtemp(prefix="entrepot-"))
    try:
        with contextlib.ExitStack() as stack:
            driver = settings.storage.driver
            claim = (
                stack.enter_context(claim_directory(driver.rootdirectory))
                if isinstance(driver, FilesystemSettings)
                else None
            )
            if claim is not None and not claim.writable:
                log.warning("the data directory cannot be written: serving read-only, with a temporary index")
                settings = replace(settings, registry=replace(settings.registry, readonly=True))
            elif isinstance(driver, FilesystemSettings):
                fill_reserve(driver.rootdirectory, settings.storage.disk.reserve)
            settings = name_source(settings)
            index_place = place_index(settings, run_directory, beside_data=claim is not None and claim.writable)
            place = Place(settings, index_place, None if claim is None else claim.identity)
            yield Shared(place, listener, bind_debug(settings), HealthBoard(), run_directory, log)
    finally:
        shutil.rmtree(run_directory, ignore_errors=True)


def settle_index(shared: Shared) -> None:
    """Make the index where it is missing and settle what a crash left; in a fork, since that uses threads.

    Raises ``SystemExit`` where the index cannot be used; what to do is then said on stderr.
    """

    def settle() -> None:
        try:
            asyncio.run(_settle_index(shared))
        except RegistryError as error:
            print(f"Error: {error.detail}", file=sys.stderr)  # noqa: T201 - for the person who starts it
            raise SystemExit(1) from error

    if not run_apart(settle):
        raise SystemExit(1)


def prepare_workers(shared: Shared, workers: int, config: Path | None) -> Workforce:
    """The workers to start with, and those of a changed certificate; ``config``: the file that names it, for what is
    said of it. Raises ``CertificateRefused``.
    """
    hire = partial(_hire, shared, workers)
    tls = shared.settings.http.tls
    if tls is None:
        return Workforce(hire(None), lambda: None)
    renewal = CertificateRenewal(tls, partial(verify, shared.settings.http, tls, config), hire, shared.log)
    first, names = renewal.serve_first()
    if not is_filesystem(shared.settings):
        shared.log.warning("storage: inmemory goes with its worker: a changed certificate is served after a restart")
        return Workforce(first, lambda: None, names)
    return Workforce(first, renewal.renew, names)


def supervise(shared: Shared, workforce: Workforce) -> int:
    """Run workers and jobs until a signal; returns the exit status."""
    _raise_descriptor_limit(shared.log)
    shared.listener.listen(1024)
    drain = shared.settings.http.draintimeout
    children = [*workforce.first]
    if is_filesystem(shared.settings):
        children.append(Child("jobs", partial(run_jobs, shared), first=False))
    seconds = DRAIN_SECONDS if drain is None else drain
    try:
        return Supervisor(children, seconds, partial(_refuse, shared), shared.log, workforce.renew).run()
    finally:
        if isinstance(shared.settings.http.address, UnixAddress):
            shared.settings.http.address.path.unlink(missing_ok=True)


def _hire(shared: Shared, workers: int, served: Served | None) -> list[Child]:
    children = []
    for number in range(1, workers + 1):
        ready = Flag()
        children.append(Child(f"worker-{number}", partial(run_worker, shared, number, ready, served), ready=ready))
    return children


def _raise_descriptor_limit(log: Logger) -> None:
    """Each connection and each file takes a descriptor; shells give 1,024 where the system allows many more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        log.warning("few open files are allowed: more connections than that wait; raise `ulimit -n`", allowed=hard)


def _refuse(shared: Shared) -> None:
    """New connections are refused from now on, in all processes: a socket that listens on while nobody accepts would
    let clients wait.
    """
    address = shared.settings.http.address
    if isinstance(address, UnixAddress):
        address.path.unlink(missing_ok=True)  # before it refuses: from then on a successor may take its place
    with contextlib.suppress(OSError):
        shared.listener.shutdown(socket.SHUT_RD)


async def _settle_index(shared: Shared) -> None:
    with open_place(shared.place, shared.log) as (storage, index):
        await asyncio.to_thread(require_own, shared.settings, index)
        await Names(storage, index).settle_dead()
        await prepare_gate(shared.settings.auth, index, shared.log)
        index.holder.sweep()
