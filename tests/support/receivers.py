# SPDX-License-Identifier: Apache-2.0
"""A receiver of webhooks: a real HTTP server in this process, as well or badly behaved as a test wants it."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Verdict = int | str
"""A status to answer; or ``hang`` (silent until the receiver is closed), ``close`` (without a word), ``forget`` (take
the event, then close without a word), ``loop`` (redirect to itself), ``endless`` (200 with a body that never ends).
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request that came in, and how it was answered. Names of headers in lower case."""

    headers: Mapping[str, str]
    body: bytes
    verdict: Verdict

    @property
    def event(self) -> dict[str, Any]:
        """The one event of the envelope."""
        document = json.loads(self.body)
        assert set(document) == {"events"}
        (event,) = document["events"]
        return dict(event)


class Receiver:
    """Listens on ``port`` while it is entered. ``judge`` is asked with the number of the request, from 0."""

    def __init__(self, judge: Callable[[int], Verdict] = lambda _: 200) -> None:
        self.judge = judge
        self.port = free_port()
        self.deliveries: list[Delivery] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where events are to be sent."""
        return f"http://127.0.0.1:{self.port}/events?for=tests"

    def taken(self) -> list[dict[str, Any]]:
        """The events that were answered with success, or taken and forgotten to be answered, in order."""
        with self._lock:
            deliveries = list(self.deliveries)
        return [
            one.event
            for one in deliveries
            if one.verdict == "forget" or (isinstance(one.verdict, int) and 200 <= one.verdict < 400)
        ]

    def start(self) -> Self:
        """Listen."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
                """Nobody reads it."""

        self._over.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Refuse from now on."""
        self._over.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            verdict = "close" if self._over.is_set() else self.judge(len(self.deliveries))
            self.deliveries.append(Delivery(headers, body, verdict))
        if verdict == "hang":
            self._over.wait()
        if isinstance(verdict, int) or verdict == "loop":
            handler.send_response(verdict if isinstance(verdict, int) else 307)
            if verdict == "loop":
                handler.send_header("Location", self.url)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.close_connection = True
        with suppress(OSError):
            if verdict == "endless":
                handler.send_response(200)
                handler.end_headers()
                while not self._over.is_set():
                    handler.wfile.write(b"x" * 65536)
            handler.connection.shutdown(socket.SHUT_RDWR)


def endpoint(receiver: Receiver, **changes: Any) -> dict[str, Any]:
    """An entry of ``notifications.endpoints`` for it, quick to try again, that wants to hear of no pulls."""
    settings = {"timeout": "500ms", "threshold": 3, "backoff": "20ms", "ignore": {"actions": ["pull"]}}
    return {"name": "receiver", "url": receiver.url, **settings, **changes}


def notifying(*endpoints: Mapping[str, Any], **events: Any) -> dict[str, Any]:
    """A configuration that tells these endpoints."""
    return {"notifications": {"events": events, "endpoints": list(endpoints)}}
