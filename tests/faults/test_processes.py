# SPDX-License-Identifier: Apache-2.0
"""Processes that are killed one by one, and a server that is asked to stop while it is busy."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from support import images, transfer
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.server import Server

AGAIN = "a process died and is started again"


def _children(server: Server) -> list[int]:
    """The processes of the server beside the main one: two workers and the jobs."""
    return sorted(pid for pid in server.daemon.group() if pid != server.pid)


def _replaced(server: Server, pid: int) -> bool:
    """Whether this process is gone, and there are as many as before."""
    children = _children(server)
    return pid not in children and len(children) == 3


def _client(server: Server) -> httpx.Client:
    """With a connection for each request: one that a killed worker held is never used again."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.Client(base_url=server.url, timeout=30, trust_env=False, limits=limits)


def test_nobody_outlives_the_main_process(server: Server) -> None:
    """kill -9 of the main process alone: all others die with it, at once, the address is free, and a new server on the
    same data serves what was pushed.
    """
    made = transfer.push(server.client(), "team/app", images.image(), "1.0")
    assert len(_children(server)) == 3
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not server.daemon.group(), what="no process of the server is left", seconds=5)
    with pytest.raises(httpx.ConnectError), _client(server) as client:
        client.get("/v2/")
    server.start()
    transfer.assert_serves(server.client(), "team/app", made, ["1.0"])


def test_nobody_outlives_a_main_process_that_is_busy(server: Server) -> None:
    """The same in the middle of an upload; what had arrived before is there afterwards."""
    content = images.blob(200_000)
    client = _client(server)
    place = transfer.append(client, transfer.begin_upload(client, "team/app"), content.data[:100_000])
    started = threading.Event()

    def body() -> Iterator[bytes]:
        yield content.data[100_000:150_000]
        started.set()
        time.sleep(30)

    def send() -> None:
        with pytest.raises(httpx.TransportError), _client(server) as other:
            other.patch(place, content=body())

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    assert started.wait(10)
    os.kill(server.pid, signal.SIGKILL)
    until(lambda: not server.daemon.group(), what="no process of the server is left", seconds=5)
    server.start()
    offset = int(client.get(place).headers["Range"].rpartition("-")[2]) + 1
    assert offset in {100_000, 150_000}
    place = transfer.append(client, place, content.data[offset:], start=offset)
    assert transfer.finish_upload(client, place, content.digest).status_code == 201
    assert transfer.pull_blob(client, "team/app", content.digest) == content.data


def test_a_killed_process_is_started_again_and_no_upload_is_lost(server: Server) -> None:
    """kill -9 of each process but the main one in turn, between two PATCHes of one upload each time: each is started
    again, and the upload goes on to its end, byte for byte.
    """
    content = images.blob(300_000)
    client = _client(server)
    place = transfer.begin_upload(client, "team/app")
    before = _children(server)
    for number, pid in enumerate(before):
        start = number * 100_000
        place = transfer.append(client, place, content.data[start : start + 100_000], start=start)
        os.kill(pid, signal.SIGKILL)
        until(partial(_replaced, server, pid), what="the process is started again")
    assert transfer.finish_upload(client, place, content.digest).status_code == 201
    assert transfer.pull_blob(client, "team/app", content.digest) == content.data
    assert server.daemon.running
    for name in ("worker-1", "worker-2", "jobs"):
        assert any(AGAIN in line and f"process={name}" in line for line in server.log().splitlines())


def test_a_stop_lets_a_slow_upload_end(server: Server) -> None:
    """SIGTERM while a body arrives: the rest of it is still taken, the client gets its 201, who connects is refused at
    once, the server ends with status 0, and the blob is there after the next start.
    """
    content = images.blob(300_000)
    with _client(server) as client:
        place = transfer.begin_upload(client, "team/app")

        def body() -> Iterator[bytes]:
            yield content.data[:100_000]
            until(lambda: _arrived(server) > 0, what="the first bytes are on the disk")
            os.kill(server.pid, signal.SIGTERM)
            until(lambda: "msg=stopping" in server.log(), what="the server is stopping")
            until(lambda: _refuses(server), what="connections are refused")
            for start in range(100_000, 300_000, 50_000):
                time.sleep(0.3)
                yield content.data[start : start + 50_000]

        headers = {"Content-Length": str(content.size), "Content-Type": images.OCTETS}
        answer = client.put(place.copy_add_param("digest", content.digest), content=body(), headers=headers)
        assert answer.status_code == 201, answer.text
    assert server.daemon.wait(15) == 0
    assert server.daemon.group() == []
    server.start()
    assert transfer.pull_blob(server.client(), "team/app", content.digest) == content.data


def _refuses(server: Server) -> bool:
    host, _, port = server.host.partition(":")
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((host, int(port))) == errno.ECONNREFUSED


def _arrived(server: Server) -> int:
    """Whether the server has begun with the body: its upload's data file is open in one of its processes."""
    opened = 0
    for pid in server.daemon.group():
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                opened += "/_uploads/" in os.readlink(descriptor)
            except OSError:
                continue
    return opened
