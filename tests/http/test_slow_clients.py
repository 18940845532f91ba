# SPDX-License-Identifier: Apache-2.0
"""Slow clients: served while they go on, ended when they stay silent, and nobody else waits for them.

The server of this module gives up a silent body after 2 s instead of 60, and the head of a request after 3 instead of
20; nothing else differs.
"""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from support import images, impatient, transfer
from support.impatient import HEADER_SECONDS, SILENCE
from support.server import Server
from support.unharmed import memory, unharmed
from support.waiting import until
from support.wire import Wire, chunk, request

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("slow")

MIB = 1024 * 1024


class ImpatientServer(Server):
    """`Server` by the command of `support.impatient`."""

    def command(self) -> list[str]:
        return [sys.executable, str(impatient.__file__), *super().command()[1:]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry with two workers and little patience, shared by the tests of this module."""
    with ImpatientServer(tmp_path_factory.mktemp("slow") / "server") as server:
        yield server


@pytest.fixture(autouse=True)
def _left_unharmed(server: Server) -> Iterator[None]:
    """After each test the same processes run and the log holds no fault."""
    with unharmed(server):
        yield


@contextmanager
def others_are_served(server: Server) -> Iterator[None]:
    """A push and a pull by somebody else, on new connections, so on both workers, succeed before and after."""
    for _ in range(3):
        http = server.client(timeout=10)
        made = transfer.push(http, "others", images.image(size=100_000), "1")
        transfer.assert_serves(http, "others", made, ["1"])
        http.close()
    yield
    http = server.client(timeout=10)
    assert http.get("/v2/").status_code == 200
    http.close()


def test_a_header_a_second(server: Server) -> None:
    """Who sends a header a second is ended after the time for a head, with an answer or without; others are served."""
    with ExitStack() as open_, others_are_served(server):
        wires = [open_.enter_context(Wire(server.host)) for _ in range(20)]
        for wire in wires:
            wire.send(b"GET /v2/ HTTP/1.1\r\nHost: registry\r\n")
        started = time.monotonic()
        ended: set[Wire] = set()
        while len(ended) < len(wires):
            assert time.monotonic() - started < HEADER_SECONDS * 4, "a slow head is read for ever"
            with others_are_served(server):
                time.sleep(1)
            for wire in wires:
                try:
                    wire.send(b"X-Slow: 1\r\n")
                except OSError:
                    ended.add(wire)


def test_an_idle_connection_stops_nobody(server: Server) -> None:
    """300 connections on which nothing is ever said do not keep others from being served."""
    with ExitStack() as open_, others_are_served(server):
        for _ in range(300):
            open_.enter_context(Wire(server.host))
        with others_are_served(server):
            pass


def test_a_body_a_byte_at_a_time_is_served(server: Server) -> None:
    """A body of which a byte comes now and then takes longer than the silence allowed, and is taken whole."""
    http = server.client()
    place = transfer.begin_upload(http, "slow/bytes")
    data = b"0123456789"
    with Wire(server.host) as wire, others_are_served(server):
        wire.send(request("PATCH", place.path, f"Content-Length: {len(data)}"))
        started = time.monotonic()
        for byte in data:
            time.sleep(SILENCE / 4)
            wire.send(bytes([byte]))
        assert time.monotonic() - started > SILENCE * 2
        reply = wire.reply()
    assert (reply.status, reply.headers["range"]) == (202, "0-9")
    assert transfer.finish_upload(http, place, images.digest_of(data)).status_code == 201


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_silent_body_is_ended_and_can_be_resumed(server: Server, method: str, chunked: bool) -> None:
    """After the silence the client gets 503 with Retry-After and what to do, and the connection ends; what came before
    is kept, nobody holds the upload any more, and it goes on.
    """
    http = server.client()
    content = images.blob(200_000)
    place = transfer.begin_upload(http, "slow/silent")
    target = place.path if method == "PATCH" else f"{place.path}?digest={content.digest}"
    form = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {content.size}"
    first = content.data[:150_000]
    with Wire(server.host) as wire:
        wire.send(request(method, target, form) + (chunk(first) if chunked else first))
        started = time.monotonic()
        reply = wire.reply()
        assert time.monotonic() - started >= SILENCE * 0.9
        assert (reply.status, reply.code) == (503, "UNAVAILABLE")
        assert "go on with the upload" in reply.errors[0]["detail"]
        assert "retry-after" in reply.headers
        assert wire.ended()
    assert http.get(place).headers["Range"] == "0-149999"
    place = transfer.append(http, place, content.data[150_000:], start=150_000)
    assert transfer.finish_upload(http, place, content.digest).status_code == 201


def test_a_silent_manifest_is_ended(server: Server) -> None:
    """Half a manifest and silence: 503, the connection ends, no tag."""
    http = server.client()
    made = images.image(layers=1)
    for blob in made.blobs:
        transfer.push_blob(http, "slow/manifest", blob)
    head = request(
        "PUT", "/v2/slow/manifest/manifests/1", f"Content-Type: {made.media_type}", f"Content-Length: {made.size}"
    )
    with Wire(server.host) as wire:
        assert wire.send(head + made.data[:-1]).reply().status == 503
        assert wire.ended()
    assert http.get("/v2/slow/manifest/manifests/1").status_code == 404
    transfer.push_manifest(http, "slow/manifest", made, "1")


def test_a_body_to_a_refused_request_is_not_read_for_ever(server: Server) -> None:
    """An error is answered within seconds also to a client that sends its body a byte at a time, or never."""
    for body in (b"", b"x"):
        with Wire(server.host) as wire:
            wire.send(request("PUT", "/v2/BAD/manifests/1", "Content-Length: 1000") + body)
            reply = wire.reply()
            assert (reply.status, reply.code) == (400, "NAME_INVALID")
            assert wire.ended()


def test_many_slow_bodies_stop_nobody(server: Server) -> None:
    """While 200 clients stand in the middle of a PATCH and go on a byte at a time, others push and pull."""
    http = server.client()
    places = [transfer.begin_upload(http, f"slow/many{number % 7}") for number in range(200)]
    with ExitStack() as open_:
        wires = [open_.enter_context(Wire(server.host)) for _ in places]
        for wire, place in zip(wires, places, strict=True):
            wire.send(request("PATCH", place.path, "Content-Length: 4") + b"a")
        for byte in (b"b", b"c", b"d"):
            with others_are_served(server):
                time.sleep(SILENCE / 4)
            for wire in wires:
                wire.send(byte)
        assert {wire.reply().status for wire in wires} == {202}
    digest = images.digest_of(b"abcd")
    assert {transfer.finish_upload(http, place, digest).status_code for place in places} == {201}


def test_readers_who_do_not_read_stop_nobody(server: Server) -> None:
    """40 clients ask for 64 MiB, whole or in part, and read nothing: others are served, and memory stays bounded."""
    http = server.client()
    digest = transfer.push_blob(http, "slow/reader", images.Content(bytes(64 * MIB)))
    before = memory(server)
    with ExitStack() as open_:
        for number in range(40):
            headers = ["Range: bytes=1-"] if number % 2 else []
            wire = open_.enter_context(Wire(server.host))
            wire.send(request("GET", f"/v2/slow/reader/blobs/{digest}", *headers))
        with others_are_served(server):
            assert memory(server) - before < 150 * MIB
    until(lambda: memory(server) - before < 100 * MIB, what="memory comes back")


def test_what_is_sent_before_it_is_asked_for(server: Server) -> None:
    """Requests sent at once on one connection are answered in order, a body's bytes never taken for a request."""
    http = server.client()
    place = transfer.begin_upload(http, "slow/pipeline")
    smuggled = request("DELETE", place.path)
    with Wire(server.host) as wire:
        wire.send(request("PATCH", place.path, body=smuggled) + request("GET", place.path) + request("GET", "/v2/"))
        replies = [wire.reply() for _ in range(3)]
    assert [reply.status for reply in replies] == [202, 204, 200]
    assert replies[1].headers["range"] == f"0-{len(smuggled) - 1}"


def test_expect_100_continue(server: Server) -> None:
    """Who waits for our word before the body gets it where the body is wanted, and the refusal where it is not."""
    http = server.client()
    place = transfer.begin_upload(http, "slow/expect")
    with Wire(server.host) as wire:
        wire.send(request("PATCH", place.path, "Expect: 100-continue", "Content-Length: 3"))
        assert wire.reply().status == 100
        assert wire.send(b"abc").reply().status == 202
    with Wire(server.host) as wire:
        wire.send(request("PATCH", f"{place.path}x", "Expect: 100-continue", "Content-Length: 3"))
        assert wire.reply().status == 404
