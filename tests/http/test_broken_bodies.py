# SPDX-License-Identifier: Apache-2.0
"""Bodies that end early, clients that vanish, and two who write to one upload: nothing that arrived is lost."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.waiting import until
from support.wire import Wire, ask, chunk, request

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from support.server import Server

PART = images.blob(300_000)


def _announced(target: str, method: str) -> bytes:
    return request(method, target, "Content-Length: 1000000") + PART.data


def _chunked(target: str, method: str) -> bytes:
    return request(method, target, "Transfer-Encoding: chunked") + chunk(PART.data)


def _in_the_middle_of_a_chunk(target: str, method: str) -> bytes:
    return request(method, target, "Transfer-Encoding: chunked") + b"fffff\r\n" + PART.data


FORMS = {"announced": _announced, "chunked": _chunked, "inside a chunk": _in_the_middle_of_a_chunk}


@pytest.mark.parametrize("ending", ["vanishes", "closes its half", "resets"])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_what_arrived_of_a_body_that_ends_early_can_be_resumed(
    registry: Server, http: httpx.Client, repository: str, method: str, form: Callable[[str, str], bytes], ending: str
) -> None:
    """The status shows the bytes that came, a PATCH goes on behind them, the closing PUT verifies the whole.

    A client that only closed its half is told with 400 and a sentence, not with a fault.
    """
    rest = images.blob(5000)
    whole = images.Content(PART.data + rest.data)
    place = transfer.begin_upload(http, repository)
    target = place.path if method == "PATCH" else f"{place.path}?digest={whole.digest}"
    with Wire(registry.host) as wire:
        wire.send(form(target, method))
        if ending == "closes its half":
            reply = wire.finish().reply()
            assert (reply.status, reply.code) == (400, "SIZE_INVALID")
            assert "kept" in reply.errors[0]["detail"]
        else:
            until(lambda: _length(http, place) > 1, what="some bytes are there")
        if ending == "resets":
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    arrived = until(lambda: _released(http, place), what="the upload has no writer any more")
    assert arrived == len(PART.data) or (ending == "resets" and arrived < len(PART.data))
    place = transfer.append(http, place, whole.data[arrived:], start=arrived)
    assert transfer.finish_upload(http, place, whole.digest).status_code == 201
    assert transfer.pull_blob(http, repository, whole.digest) == whole.data


def _length(http: httpx.Client, place: httpx.URL) -> int:
    return int(http.get(place).headers["Range"].partition("-")[2]) + 1


def _released(http: httpx.Client, place: httpx.URL) -> int:
    """How far the upload is, once an empty PATCH gets through; 0 while another request holds it."""
    if http.patch(place).status_code != 202:
        return 0
    return _length(http, place)


@pytest.mark.parametrize("broken", [b"zz\r\nabc\r\n", b"fffffffffffffffffff\r\nabc", b"-1\r\n\r\n", b"3\r\nabcdef\r\n"])
def test_a_chunked_body_that_is_none(registry: Server, http: httpx.Client, repository: str, broken: bytes) -> None:
    """A body that breaks HTTP's chunked coding gets 400 and a sentence; what came before it can be resumed."""
    place = transfer.begin_upload(http, repository)
    data = request("PATCH", place.path, "Transfer-Encoding: chunked") + chunk(b"good") + broken
    reply = ask(registry.host, data)
    assert (reply.status, reply.code) == (400, "SIZE_INVALID")
    arrived = until(lambda: _released(http, place), what="the upload has no writer any more")
    assert arrived >= 4
    assert transfer.finish_upload(http, place, images.digest_of(b"good"), b"").status_code == (
        201 if arrived == 4 else 400
    )


def test_a_manifest_whose_body_ends_early_is_not_there(registry: Server, http: httpx.Client, repository: str) -> None:
    """Half a manifest is no manifest: the tag stays where it was, and the client that still listens is told."""
    old = transfer.push(http, repository, images.image(layers=1), "1")
    new = images.image(layers=1)
    for blob in new.blobs:
        transfer.push_blob(http, repository, blob)
    announce = (f"Content-Type: {new.media_type}", f"Content-Length: {new.size}")
    with Wire(registry.host) as wire:
        wire.send(request("PUT", f"/v2/{repository}/manifests/1", *announce) + new.data[:-1])
        assert wire.finish().reply().status == 400
    with Wire(registry.host) as wire:
        wire.send(request("PUT", f"/v2/{repository}/manifests/1", *announce) + new.data[:-1])
    assert transfer.pull_manifest(http, repository, "1").data == old.data
    assert http.head(f"/v2/{repository}/manifests/{new.digest}").status_code == 404


def test_a_post_in_one_step_that_ends_early_shows_nothing(
    registry: Server, http: httpx.Client, repository: str
) -> None:
    """A blob that was announced with its digest and came in part is not visible; sent again whole, it is."""
    whole = images.blob(100_000)
    target = f"/v2/{repository}/blobs/uploads/?digest={whole.digest}"
    with Wire(registry.host) as wire:
        wire.send(request("POST", target, f"Content-Length: {whole.size}") + whole.data[:-1])
        assert wire.finish().reply().status == 400
    assert http.head(f"/v2/{repository}/blobs/{whole.digest}").status_code == 404
    assert http.post(target, content=whole.data).status_code == 201
    assert transfer.pull_blob(http, repository, whole.digest) == whole.data


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_two_who_write_to_one_upload(registry: Server, http: httpx.Client, repository: str, method: str) -> None:
    """While one client appends, a second, on either worker, gets 416 with the current Range, at once and in full.

    Nothing of the second's bytes gets in; the first goes on and closes.
    """
    whole = images.blob(600_000)
    place = transfer.begin_upload(http, repository)
    with Wire(registry.host) as first:
        first.send(request("PATCH", place.path, f"Content-Length: {whole.size}") + whole.data[:300_000])
        until(lambda: _length(http, place) > 1, what="the first one's bytes arrive")
        for _ in range(4):  # connections land on both workers
            target = f"{place.path}?digest={whole.digest}" if method == "PUT" else place.path
            second = ask(registry.host, request(method, target, body=b"" if method == "DELETE" else b"intruder" * 9000))
            assert (second.status, second.code) == (416, "RANGE_INVALID")
            assert second.headers["range"] == http.get(place).headers["Range"]
            assert "another request" in second.errors[0]["detail"]
        reply = first.send(whole.data[300_000:]).reply()
    assert (reply.status, reply.headers["range"]) == (202, "0-599999")
    assert transfer.finish_upload(http, place, whole.digest).status_code == 201
    assert transfer.pull_blob(http, repository, whole.digest) == whole.data
