# SPDX-License-Identifier: Apache-2.0
"""Runs the ASGI application in this process on a socket that the supervisor bound.

The only module that touches Granian, and below its documented surface: Granian's own supervisor shares the port
(SO_REUSEPORT, so that a second server silently takes a share) and leaves orphans behind, so each of our workers runs
Granian's worker function itself. The lock pins Granian to one minor version; ``tests/web/test_server.py`` fails where
the function changes.
"""

import contextlib
import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Loops, RuntimeModes, TaskImpl
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from entrepot.web.settings import TlsSettings

BACKLOG = 1024

CONNECTIONS = 8192
"""Open connections of one worker, idle ones included."""

HEADER_SECONDS = 20
"""For the head of a request: a client that sends a header a second is let go."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a worker speaks. ``http2``: in the clear (h2c) without ``tls``, offered by ALPN with it."""

    http2: bool
    tls: TlsSettings | None = None


def serve_connections(application: Callable[..., Any], listener: socket.socket, number: int, speaks: Protocol) -> None:
    """Serve until SIGTERM, then let open requests end; blocks. ``application`` gets ASGI's lifespan events."""
    unix = listener.family == socket.AF_UNIX
    holder = SocketHolder(listener.fileno(), unix, BACKLOG)  # type: ignore[call-arg]  # missing in its stub
    MPServer._spawn_asgi_lifespan_worker(  # noqa: SLF001 - see the module
        number,
        None,
        lambda: application,
        ((None, holder), None),
        None,
        Loops.uvloop,
        True,  # noqa: FBT003 - Granian's order of parameters
        LogLevels.warning,
        None,
        (),
        RuntimeModes.st,
        1,
        64,
        1,
        30,
        CONNECTIONS,
        TaskImpl.asyncio,
        HTTPModes.auto if speaks.http2 else HTTPModes.http1,
        HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
        HTTP2Settings(),
        False,  # noqa: FBT003 - no websockets
        None,
        None,
        _tls_of(speaks.tls),
        {"url_path_prefix": None},
        (None, None),
    )


def stop_accepting(listener: socket.socket) -> None:
    """In this process alone: others go on to accept on the same socket, and connections that are open stay so.

    Granian stops to accept only when it ends, and then closes connections on which nothing was asked yet. So its copies
    of the listener are replaced by a socket that nobody can reach: to it, no client comes any more.
    """
    ours = os.fstat(listener.fileno()).st_ino
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as nobody:
        nobody.bind(f"{directory}/nobody")
        nobody.listen()
        nobody.settimeout(0)
        for entry in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                if os.fstat(int(entry)).st_ino == ours and os.readlink(f"/proc/self/fd/{entry}").startswith("socket:"):
                    os.dup2(nobody.fileno(), int(entry), inheritable=False)


def _tls_of(settings: TlsSettings | None) -> tuple[object, ...]:
    """As Granian wants it: on, certificate, key, passphrase, least version, clients' authorities, revoked, verify."""
    if settings is None:
        return (False, None, None, None, "tls1.3", None, [], False)
    [authorities] = settings.clientcas or (None,)
    verified = None if authorities is None else str(authorities)
    return (
        True,
        str(settings.certificate),
        str(settings.key),
        None,
        settings.minimum,
        verified,
        [],
        verified is not None,
    )
