# SPDX-License-Identifier: Apache-2.0
"""The debug server (``http.debug.addr``): ``/debug/health``, where enabled Prometheus metrics (compat.md 6.1), and what
else it is given, such as ``/debug/proxy``.
"""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from entrepot.telemetry.health import HealthBoard

CONNECTIONS = 64
"""Open connections at most, each with a thread; one more is closed at once."""

SILENCE = 10.0
"""Seconds without a byte after which a connection is closed."""

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _BoundedServer(ThreadingHTTPServer):
    """With no more than :data:`CONNECTIONS` threads."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._places = threading.BoundedSemaphore(CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            return self.shutdown_request(request)
        try:
            return super().process_request(request, client_address)
        except RuntimeError:  # no thread could be started
            self._places.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()


def start_debug_server(
    listener: socket.socket,
    board: HealthBoard,
    metrics_path: str | None,
    expose: Callable[[], bytes],
    documents: Mapping[str, Callable[[], object]],
) -> ThreadingHTTPServer:
    """Serve on a bound socket, in a thread, until ``shutdown`` is called on what is returned. ``documents``: by their
    paths, as JSON.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = SILENCE

        def do_GET(self) -> None:
            if self.path == "/debug/health":
                findings = board.read()
                failing = {**findings.degraded, **findings.blocking}
                status = HTTPStatus.SERVICE_UNAVAILABLE if failing else HTTPStatus.OK
                self._answer(status, "application/json", json.dumps(failing).encode() + b"\n")
            elif self.path == metrics_path:
                self._answer(HTTPStatus.OK, METRICS_TYPE, expose())
            elif self.path in documents:
                document = json.dumps(documents[self.path](), indent=1)
                self._answer(HTTPStatus.OK, "application/json", document.encode() + b"\n")
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"404 page not found\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Probes are not logged."""

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = _BoundedServer(("", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="debug", daemon=True).start()
    return server
