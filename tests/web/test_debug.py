# SPDX-License-Identifier: Apache-2.0
"""The debug server: idle connections cost a bounded number of threads, and end."""

import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from entrepot.telemetry.health import HealthBoard
from entrepot.web import debug
from support.waiting import until


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A debug server that is patient for a second."""
    monkeypatch.setattr(debug, "SILENCE", 1.0)
    listener = socket.create_server(("127.0.0.1", 0))
    server = debug.start_debug_server(
        listener, HealthBoard(), "/metrics", lambda: b"counted 1\n", {"/debug/x": lambda: {"a": 1}}
    )
    yield int(listener.getsockname()[1])
    server.shutdown()
    server.server_close()


def ask(port: int, path: str) -> bytes:
    """What is answered to GET."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        body: bytes = answer.read()
        return body


def answers(port: int) -> bool:
    """Whether anything is answered."""
    try:
        return ask(port, "/debug/health") == b"{}\n"
    except OSError:
        return False


def test_idle_connections(port: int) -> None:
    """Hundreds of idle connections start no more threads than are allowed; once they were silent for long, the server
    answers again.
    """
    assert ask(port, "/metrics") == b"counted 1\n"
    assert json.loads(ask(port, "/debug/x")) == {"a": 1}
    before = threading.active_count()
    with ExitStack() as open_:
        for _ in range(300):
            open_.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            assert threading.active_count() <= before + debug.CONNECTIONS
        until(lambda: answers(port), what="an answer")
    until(lambda: threading.active_count() <= before, what="the threads are gone")
