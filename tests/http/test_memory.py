# SPDX-License-Identifier: Apache-2.0
"""No request, and no number of requests, makes a worker use unbounded memory."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.unharmed import memory
from support.wire import NoReply, Wire, ask, chunk, request

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from support.server import Server

pytestmark = pytest.mark.xdist_group("memory")

MIB = 1024 * 1024
MAX = 4 * MIB
DIGEST = images.digest_of(b"nobody has this")
CONFIG = {"disk": {"fsync": False}, "log": {"accesslog": {"disabled": True}}}


@contextmanager
def at_most(server: Server, megabytes: int) -> Iterator[None]:
    """Fails where the server's processes together grow by more than this at any time within."""
    with closing(server.client()) as http:
        assert http.get("/v2/").status_code == 200
    before, highest, over = memory(server), 0, threading.Event()

    def watch() -> None:
        nonlocal highest
        while not over.wait(0.05):
            highest = max(highest, memory(server))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
    grown = (highest - before) / MIB
    assert grown < megabytes, f"{grown:.0f} MiB more than before"


def _pour(server: Server, method: str, path: str) -> int:
    """Send a chunked body until the server closes; the MiB that it took."""
    piece = chunk(bytes(MIB))
    with Wire(server.host) as wire:
        wire.send(request(method, path, "Transfer-Encoding: chunked"))
        for sent in range(200):
            try:
                wire.send(piece)
            except OSError:
                return sent
    pytest.fail(f"{method} {path} takes an endless body")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/"),
        ("POST", "/v2/"),
        ("GET", "/"),
        ("HEAD", "/healthz"),
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/x/tags/list"),
        ("GET", "/v2/x/manifests/1"),
        ("DELETE", "/v2/x/manifests/1"),
        ("PUT", "/v2/x/manifests/1"),
        ("GET", f"/v2/x/blobs/{DIGEST}"),
        ("DELETE", f"/v2/x/blobs/{DIGEST}"),
        ("POST", "/v2/x/blobs/uploads/"),
        ("PATCH", "/v2/x/blobs/uploads/unknown"),
        ("PUT", "/v2/x/blobs/uploads/unknown"),
        ("GET", f"/v2/x/referrers/{DIGEST}"),
        ("PATCH", "/nowhere"),
    ],
)
def test_an_endless_body_is_not_taken(registry: Server, method: str, path: str) -> None:
    """Where no body is wanted, or none so large, the server closes after a bounded part, and keeps nothing of it."""
    with at_most(registry, 30):
        assert _pour(registry, method, path) < 50
    assert ask(registry.host, request("GET", "/v2/")).status == 200


def test_64_uploads_at_once(registry: Server) -> None:
    """64 clients that send 16 MiB each at the same time, in one PATCH each, cost less than 150 MiB; all arrive."""

    def push(number: int) -> None:
        content = images.Content(number.to_bytes(8, "big") * (2 * MIB))
        with closing(registry.client(timeout=120)) as http:
            place = transfer.begin_upload(http, f"large/r{number % 8}")
            answer = http.patch(place, content=(content.data[start : start + MIB] for start in range(0, 16 * MIB, MIB)))
            assert answer.status_code == 202
            assert transfer.finish_upload(http, place, content.digest).status_code == 201

    with at_most(registry, 150), ThreadPoolExecutor(64) as pool:
        list(pool.map(push, range(64)))


def test_64_uploads_that_stand_still(registry: Server, http: httpx.Client) -> None:
    """64 clients that stand still in the middle of a PATCH cost no more than what is gathered of each."""
    places = [transfer.begin_upload(http, "large/still") for _ in range(64)]
    with ExitStack() as open_, at_most(registry, 100):
        for place in places:
            wire = open_.enter_context(Wire(registry.host))
            wire.send(request("PATCH", place.path, f"Content-Length: {64 * MIB}") + bytes(MIB))
        time.sleep(1)


def _large_manifests() -> list[bytes]:
    """Documents of nearly 4 MiB whose parsing costs most: many small values."""
    lists = b'{"schemaVersion": 2, "x": [' + b"[]," * ((MAX - 100) // 3) + b"[]]}"
    objects = b'{"schemaVersion": 2, "x": [' + b"{}," * ((MAX - 100) // 3) + b"{}]}"
    keys = json.dumps({"schemaVersion": 2, "annotations": {str(key): "" for key in range(280_000)}}).encode()
    assert all(MAX * 0.9 < len(each) <= MAX for each in (lists, objects, keys))
    return [lists, objects, keys]


def test_large_manifests_one_after_the_other(registry: Server, http: httpx.Client) -> None:
    """Manifests of 4 MiB that are hard to parse cost what one of them costs, and none of it is kept."""
    with at_most(registry, 250):
        for _ in range(3):
            for data in _large_manifests():
                headers = {"Content-Type": images.OCI_MANIFEST}
                assert http.put("/v2/large/manifests/1", content=data, headers=headers).status_code == 400


def test_many_large_manifests_at_once(registry: Server) -> None:
    """200 clients that each stop just before the end of a 4 MiB manifest cost less than 300 MiB, not 800; meanwhile a
    small manifest is pushed by others.
    """
    data = bytes(MAX - 1)
    head = request("PUT", "/v2/large/manifests/1", f"Content-Type: {images.OCI_MANIFEST}", f"Content-Length: {MAX}")
    with ExitStack() as open_, at_most(registry, 300):
        wires = [open_.enter_context(Wire(registry.host)) for _ in range(200)]
        for wire in wires:
            wire.socket.settimeout(0.03)
            try:
                wire.send(head + data)
            except OSError:  # full of what the server does not read yet
                continue
        with closing(registry.client(timeout=20)) as http:
            made = transfer.push(http, "large/other", images.image(layers=1), "1")
            transfer.assert_serves(http, "large/other", made, ["1"])


def test_readers_of_large_manifests_who_do_not_read(registry: Server, http: httpx.Client) -> None:
    """250 clients that ask for a manifest of 4 MiB and read nothing cost less than 400 MiB, not 1,200; others pull."""
    large = transfer.push(http, "large/read", images.artifact(annotations={"note": "a" * (MAX - 2000)}), "1")
    small = transfer.push(http, "large/small", images.image(layers=1), "1")
    with ExitStack() as open_, at_most(registry, 400):
        for _ in range(250):
            wire = open_.enter_context(Wire(registry.host))
            wire.send(request("GET", f"/v2/large/read/manifests/{large.digest}"))
        time.sleep(1)
        with closing(registry.client(timeout=20)) as other:
            transfer.assert_serves(other, "large/small", small, ["1"])
    transfer.assert_serves(http, "large/read", large, ["1"])


def test_a_manifest_of_20_000_missing_layers(registry: Server, http: httpx.Client) -> None:
    """The largest number of layers, none of which is here, gets an answer that names each, within bounds."""
    layers = [{"size": 1, "digest": images.digest_of(str(number).encode())} for number in range(20_000)]
    config = images.blob(1).descriptor()
    data = json.dumps({"schemaVersion": 2, "config": config, "layers": layers}, separators=(",", ":")).encode()
    with at_most(registry, 150):
        headers = {"Content-Type": images.OCI_MANIFEST}
        answer = http.put("/v2/large/manifests/1", content=data, headers=headers)
    assert answer.status_code == 400
    named = {error["detail"] for error in answer.json()["errors"]}
    assert named == {layer["digest"] for layer in layers} | {config["digest"]}


def test_queries_of_50_000_parameters(registry: Server) -> None:
    """50 queries of 50,000 parameters, whole or cut into what a server reads, leave nothing behind."""
    with at_most(registry, 30):
        for number in range(50):
            query = "&".join(f"k{key}={number}" for key in range(50_000 if number % 2 else 4_000))
            assert ask(registry.host, request("GET", f"/v2/_catalog?{query}")).status in {400, 414, 431}


def test_heads_that_never_end(registry: Server) -> None:
    """200 connections that send headers for ever are each cut off at the same bound."""
    with ExitStack() as open_, at_most(registry, 100):
        wires = [open_.enter_context(Wire(registry.host)) for _ in range(200)]
        for wire in wires:
            wire.send(b"GET /v2/ HTTP/1.1\r\nHost: registry\r\n")
        for _ in range(8):
            for wire in wires:
                try:
                    wire.send(b"X-Endless: " + b"y" * 65536)
                except OSError:
                    continue
        statuses = set()
        for wire in wires:
            try:
                statuses.add(wire.reply().status)
            except NoReply:
                statuses.add(431)
        assert statuses == {431}


def test_the_same_again_costs_no_more(registry: Server, http: httpx.Client) -> None:
    """What the allocator keeps of the worst manifests is kept once: 20 more of them leave no more behind."""

    manifests = _large_manifests()

    def push(rounds: int) -> int:
        for number in range(rounds):
            data = manifests[number % 3]
            fresh = registry.client()  # connections land on both workers
            assert fresh.put("/v2/large/manifests/1", content=data).status_code == 400
            fresh.close()
        return memory(registry)

    assert http.get("/v2/").status_code == 200
    before = push(12)
    assert min(push(5) for _ in range(4)) - before < 100 * MIB  # it goes up and down as the allocator sees fit
