# SPDX-License-Identifier: Apache-2.0
"""The body of a worker process: everything that answers requests."""

import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from entrepot.app.certificates import Served
from entrepot.app.gates import find_proxyheader, find_token_service, open_gate
from entrepot.app.jobs import do_jobs
from entrepot.app.opening import is_filesystem, open_place
from entrepot.app.shared import Shared
from entrepot.auth.account_gate import AccountGate
from entrepot.auth.administration import join_administration
from entrepot.auth.audit import AuditTrail, write_audit
from entrepot.auth.gate import Gate
from entrepot.auth.settings import AccountsSettings
from entrepot.index.envelopes import Source
from entrepot.index.index import Index
from entrepot.processes.children import Flag
from entrepot.registry.deed_log import DeedLog
from entrepot.registry.pull_events import write_pull_events
from entrepot.registry.pulls import write_counts
from entrepot.registry.registry import Registry, join
from entrepot.telemetry.audit_log import AuditLog
from entrepot.telemetry.logs import AccessLog, Logger, configure_logs
from entrepot.telemetry.metrics import RequestMetrics
from entrepot.telemetry.notices import Notices
from entrepot.web.api.joining import join_api
from entrepot.web.doctor import ProxyDoctor
from entrepot.web.doors import Doors
from entrepot.web.edge import Edge, Parts
from entrepot.web.lifespan import Lifespan, announce, flush_lines, snapshot_metrics
from entrepot.web.locations import Locations
from entrepot.web.origins import Origins, find_allowed
from entrepot.web.pages import Pages
from entrepot.web.tokens import TokenPages
from entrepot.web.v1 import Search
from entrepot.web.v2.api import Api

Background = Callable[[], Awaitable[None]]


def run_worker(shared: Shared, number: int, ready: Flag, served: Served | None) -> None:
    """Serve until a signal. ``number`` counts workers from 1, for the log; ``served``: the certificate, with TLS."""
    from entrepot.web.server import Protocol, serve_connections, stop_accepting

    settings = shared.settings
    log = configure_logs(settings.telemetry.log)
    lines = AuditLog(log)
    with open_place(shared.place, log, lambda _: DeedLog(lines)) as (storage, index):
        registry = join(storage, index, settings.registry)
        metrics = RequestMetrics()
        access = None if settings.telemetry.log.accesslog_disabled else AccessLog(sys.stdout.fileno())
        events = settings.registry.events
        trail = AuditTrail(index.outbox, Source(events.source, events.instance), lines)
        gate = open_gate(settings.auth, index, trail, log)
        doors, parts = _join_parts(shared, registry, index, gate, trail, served, log)
        edge = Edge(registry, parts, doors, settings.http, shared.board, metrics, access, log)
        background: list[Background] = [
            partial(announce, ready.raise_up),
            partial(snapshot_metrics, metrics, shared.run_directory),
            *gate.background,
            *_list_writers(registry, access, log),
        ]
        if settings.auth is not None:
            background.append(partial(write_audit, trail, log))
        if not is_filesystem(settings):
            background.append(partial(do_jobs, shared, storage, index, log))
        background.append(partial(flush_lines, lines))  # last: what the others say when they end is written, too
        lifespan = Lifespan(edge, background, partial(stop_accepting, shared.listener))
        http = settings.http
        speaks = Protocol(http.h2c_enabled) if served is None else Protocol(http.http2, served.tls)
        serve_connections(lifespan, shared.listener, number, speaks)


def _join_parts(
    shared: Shared, registry: Registry, index: Index, gate: Gate, trail: AuditTrail, served: Served | None, log: Logger
) -> tuple[Doors, Parts]:
    """Who answers what, and who lets in."""
    settings = shared.settings
    http = settings.http
    doctor = ProxyDoctor(settings.http, Notices(shared.run_directory, log))
    doors = Doors(gate, settings.http, find_proxyheader(settings.auth), doctor)
    tokens = find_token_service(gate)
    administration = (
        join_administration(index.directory, settings.auth, trail.changed, gate.guard)
        if isinstance(settings.auth, AccountsSettings) and isinstance(gate, AccountGate)
        else None
    )
    return doors, Parts(
        Api(registry, doors, Locations(settings.http), Origins(http.base, find_allowed(http.headers))),
        Search(registry, doors),
        join_api(registry, doors, settings.http, administration),
        Pages(shared.board, registry.catalogue, None if served is None else served.anchor.read()),
        None if tokens is None else TokenPages(tokens, doors),
    )


def _list_writers(registry: Registry, access: AccessLog | None, log: Logger) -> Iterator[Background]:
    """What is gathered while answering, and written beside it."""
    if access is not None:
        yield partial(flush_lines, access)
    if registry.pulls.counts is not None:
        yield partial(write_counts, registry.pulls.counts, log)
    if registry.pulls.events.wanted:
        yield partial(write_pull_events, registry.pulls.events, log)
