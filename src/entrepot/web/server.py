# SPDX-License-Identifier: Apache-2.0
"""Runs the ASGI application in this process on a socket that the supervisor bound.

The only module that touches Granian, and below its documented surface: Granian's own supervisor shares the port
(SO_REUSEPORT, so that a second server silently takes a share) and leaves orphans behind, so each of our workers runs
Granian's worker function itself. The lock pins Granian to one minor version; ``tests/web/test_server.py`` fails where
the function changes.
"""

import socket
from collections.abc import Callable
from typing import Any

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Loops, RuntimeModes, TaskImpl
from granian.http import HTTP1Settings, HTTP2Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

BACKLOG = 1024

CONNECTIONS = 8192
"""Open connections of one worker, idle ones included."""

HEADER_SECONDS = 20
"""For the head of a request: a client that sends a header a second is let go."""


def serve_connections(application: Callable[..., Any], listener: socket.socket, number: int, *, http2: bool) -> None:
    """Serve until SIGTERM, then let open requests end; blocks. ``application`` gets ASGI's lifespan events."""
    unix = listener.family == socket.AF_UNIX
    holder = SocketHolder(listener.fileno(), unix, BACKLOG)  # type: ignore[call-arg]  # missing in its stub
    no_tls: tuple[object, ...] = (False, None, None, None, "tls1.3", None, [], False)
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
        HTTPModes.auto if http2 else HTTPModes.http1,
        HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
        HTTP2Settings(),
        False,  # noqa: FBT003 - no websockets
        None,
        None,
        no_tls,
        {"url_path_prefix": None},
        (None, None),
    )
