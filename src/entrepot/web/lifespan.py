# SPDX-License-Identifier: Apache-2.0
"""What a worker does beside answering: write its access log and its metrics, and whatever it is given besides."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from starlette.types import Message, Scope

from entrepot.telemetry.metrics import RequestMetrics
from entrepot.web.exchange import Receive, Send

FLUSH_SECONDS = 0.2
SNAPSHOT_SECONDS = 1.0
ANNOUNCE_SECONDS = 0.05

LAST_SECONDS = 2.0
"""How long the end of a worker waits for the last lines of its logs to be read."""

Background = Callable[[], Awaitable[None]]


class Gathering(Protocol):
    """Lines that wait to be written."""

    def flush(self) -> None:
        """Write them; may block."""
        ...


async def flush_lines(gathering: Gathering) -> None:
    """Write the gathered lines a few times a second, in a thread, since whoever reads them may stall."""
    over = threading.Event()
    thread = threading.Thread(target=_flush_until, args=(gathering, over), name="lines", daemon=True)
    thread.start()
    try:
        await asyncio.Event().wait()
    finally:
        over.set()
        thread.join(LAST_SECONDS)


def _flush_until(gathering: Gathering, over: threading.Event) -> None:
    while not over.wait(FLUSH_SECONDS):
        gathering.flush()
    gathering.flush()


async def snapshot_metrics(metrics: RequestMetrics, directory: Path) -> None:
    """Leave the counts for whoever is asked for ``/metrics``; what cannot be written now is in the next snapshot."""
    try:
        while True:
            await asyncio.sleep(SNAPSHOT_SECONDS)
            with contextlib.suppress(OSError):
                metrics.write(directory)
    finally:
        with contextlib.suppress(OSError):
            metrics.write(directory)


async def announce(ready: Callable[[], None]) -> None:
    """Say that connections are accepted: the server's loop turns only once it does (seen with Granian)."""
    await asyncio.sleep(ANNOUNCE_SECONDS)
    ready()


class Lifespan:
    """An ASGI application around another: runs ``background`` from startup to shutdown.

    On SIGUSR1 it calls ``part`` and from then on says with each answer that the connection ends (HTTP/2 has a word of
    its own for that, which the server says when it ends).
    """

    def __init__(
        self,
        application: Callable[[Scope, Receive, Send], Awaitable[None]],
        background: Sequence[Background],
        part: Callable[[], None] = lambda: None,
    ) -> None:
        self._application = application
        self._background = background
        self._part = part
        self._parting = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            last = self._parting and scope["http_version"].startswith("1")
            return await self._application(scope, receive, _closing(send) if last else send)
        await receive()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._begin_to_part)
        tasks = [asyncio.ensure_future(start()) for start in self._background]
        await send({"type": "lifespan.startup.complete"})
        message: Message = await receive()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return await send({"type": message["type"] + ".complete"})

    def _begin_to_part(self) -> None:
        self._part()
        self._parting = True


def _closing(send: Send) -> Send:
    """The same with ``Connection: close`` in the head of the answer."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message["headers"] if pair[0].lower() != b"connection"]
            message = {**message, "headers": [*kept, (b"connection", b"close")]}
        await send(message)

    return sending
