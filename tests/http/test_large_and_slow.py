# SPDX-License-Identifier: Apache-2.0
"""Clients that are slow with large manifests do not keep others out.

The server of this module gives a large manifest 2 s to come instead of 30; nothing else differs.
"""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.server import Server
from support.unharmed import unharmed
from support.wire import Wire, request

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("memory")

MIB = 1024 * 1024
IMPATIENT = """
from entrepot.cli.main import main
from entrepot.web import exchange
exchange.LARGE_SECONDS = 2.0
main()
"""


class ImpatientServer(Server):
    """`Server` with less patience."""

    def command(self) -> list[str]:
        return [sys.executable, "-c", IMPATIENT, *super().command()[1:]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry with one worker, so that all meet there."""
    with ImpatientServer(tmp_path_factory.mktemp("large") / "server", workers=1) as server:
        yield server


@pytest.fixture(autouse=True)
def _left_unharmed(server: Server) -> Iterator[None]:
    """After each test the same processes run and the log holds no fault."""
    with unharmed(server):
        yield


def large(size: int = 4 * MIB - 1000) -> images.Manifest:
    """A manifest of about this many bytes."""
    return images.artifact(annotations={"note": "a" * size})


def test_tricklers_do_not_keep_large_manifests_out(server: Server) -> None:
    """While 40 clients send large manifests a byte at a time, one that sends at once is served, and they get 503."""
    head = request("PUT", "/v2/large/trickle/manifests/1", f"Content-Length: {4 * MIB}")
    over = threading.Event()
    with ExitStack() as open_:
        wires = [open_.enter_context(Wire(server.host)) for _ in range(40)]
        for wire in wires:
            wire.send(head + bytes(MIB // 8))

        def trickle() -> None:
            while not over.wait(0.2):
                for wire in wires[:]:
                    try:
                        wire.send(b" ")
                    except OSError:
                        continue

        trickling = threading.Thread(target=trickle)
        trickling.start()
        try:
            with closing(server.client()) as http:
                made = transfer.push(http, "large/quick", large(), "1")
                transfer.assert_serves(http, "large/quick", made, ["1"])
        finally:
            over.set()
            trickling.join()
        reply = wires[0].reply()
        assert (reply.status, reply.code, reply.headers["connection"]) == (503, "UNAVAILABLE", "close")
        assert "within 2 s" in str(reply.errors[0]["detail"])
