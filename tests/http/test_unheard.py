# SPDX-License-Identifier: Apache-2.0
"""A registry whose logs nobody reads any more serves as any other."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.server import Server
from support.unharmed import processes
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("unheard")


class HeardServer(Server):
    """`Server` whose standard output, and errors where `both`, go into a pipe that the test reads."""

    both = True

    def command(self) -> list[str]:
        redirection = ">pipe 2>&1" if self.both else ">pipe"
        return ["sh", "-c", f'exec "$@" {redirection}', "sh", *super().command()]

    def listen(self) -> int:
        """Begin to read: a descriptor, which does not block. Before the start, which waits for it."""
        self.home.mkdir()
        os.mkfifo(self.home / "pipe")
        return os.open(self.home / "pipe", os.O_RDONLY | os.O_NONBLOCK)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[HeardServer]:
    """A registry that logs all it can; to be started by the test."""
    server = HeardServer(tmp_path / "server", {"log": {"level": "debug"}})
    yield server
    server.__exit__()


def test_served_though_nobody_reads_the_logs(server: HeardServer) -> None:
    """With the pipe closed, pushes, pulls and errors are answered, and a child that dies is replaced."""
    ear = server.listen()
    server.start()
    assert b"listens on" in os.read(ear, 65536)
    os.close(ear)
    before = processes(server)
    with closing(server.client()) as http:
        made = transfer.push(http, "un/heard", images.image(layers=1), "1")
        transfer.assert_serves(http, "un/heard", made, ["1"])
        missing = http.get("/v2/un/heard/manifests/none")
        assert (missing.status_code, missing.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    assert processes(server) == before
    os.kill(before[-1], 9)
    until(lambda: len(processes(server)) == len(before) and processes(server) != before, what="a child in its place")
    with closing(server.client()) as http:
        transfer.assert_serves(http, "un/heard", made, ["1"])
    assert server.stop() in {0, 120}  # 120: Python itself could not write its last words


def test_served_though_the_reader_of_the_access_log_stalls(server: HeardServer) -> None:
    """A pipe that is full and open holds up no request, nor the end of the server."""
    server.both = False
    ear = server.listen()
    server.start()
    with closing(server.client()) as http:
        for _ in range(600):
            assert http.get("/v2/", headers={"User-Agent": "a" * 500}).status_code == 200
    with closing(server.client()) as http:
        made = transfer.push(http, "un/heard", images.image(layers=1), "1")
        transfer.assert_serves(http, "un/heard", made, ["1"])
    assert server.stop() == 0
    assert os.read(ear, 1000).startswith(b"127.0.0.1 - - ")
    os.close(ear)
