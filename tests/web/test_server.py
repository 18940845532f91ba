# SPDX-License-Identifier: Apache-2.0
"""Granian below its documented surface: the function that each worker runs is the one that we call."""

import inspect
import os
import signal
import socket
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from granian.server.mp import MPServer

from support.waiting import until

OUTER = (
    "worker_id process_name callback_loader sock ipc loop_impl log_enabled log_level log_config env_files args kwargs"
)
INNER = (
    "worker_id callback sock ipc loop runtime_mode runtime_threads runtime_blocking_threads blocking_threads "
    "blocking_threads_idle_timeout backpressure task_impl http_mode http1_settings http2_settings websockets "
    "static_path log_access_fmt ssl_ctx scope_opts metrics"
)
WORKER = """
import socket, sys
from entrepot.web.server import Protocol, serve_connections
from entrepot.web.lifespan import Lifespan

async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})

async def background():
    import asyncio
    print("up", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("down", flush=True)

listener = socket.socket(fileno=int(sys.argv[1]))
listener.listen(64)
serve_connections(Lifespan(application, [background]), listener, 1, Protocol(http2=False))
"""


def test_version_is_pinned() -> None:
    """The requirement names one minor version, and that is the one installed."""
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())
    [requirement] = [one for one in project["project"]["dependencies"] if one.startswith("granian")]
    assert requirement == "granian[uvloop]>=2.8.7,<2.9"
    assert version("granian").startswith("2.8.")


def test_signature() -> None:
    """The worker function, and the one that it wraps, have the parameters in the order in which we pass them."""
    function = MPServer._spawn_asgi_lifespan_worker
    assert list(inspect.signature(function, follow_wrapped=False).parameters) == OUTER.split()
    assert list(inspect.signature(function).parameters) == INNER.split()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_worker(tmp_path: Path, family: socket.AddressFamily) -> None:
    """A worker answers on the socket it was given, runs its background, and ends whole on SIGTERM."""
    path = tmp_path / "sock"
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0) if family == socket.AF_INET else str(path))
        command = [sys.executable, "-c", WORKER, str(listener.fileno())]
        with subprocess.Popen(command, pass_fds=[listener.fileno()], stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "up\n"
            port = listener.getsockname()[1] if family == socket.AF_INET else 80
            transport = httpx.HTTPTransport(uds=str(path) if family == socket.AF_UNIX else None)
            with httpx.Client(transport=transport) as client:
                assert until(lambda: client.get(f"http://127.0.0.1:{port}/v2/x").text, what="an answer") == "/v2/x"
            os.kill(worker.pid, signal.SIGTERM)
            assert worker.stdout.read() == "down\n"
            worker.wait(20)
