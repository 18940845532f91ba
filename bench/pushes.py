# SPDX-License-Identifier: Apache-2.0
"""Pushes: one blob in two requests, small images as docker pushes them, and uploads that run beside other work."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache

from bench.data import MANIFEST_TYPE, Blob, manifest
from bench.errors import BenchError
from bench.wire import Buffer, Connection

_PIECE = 1 << 20
_BYTES = bytes(range(256)) * (_PIECE // 256)
_SMALL_BLOB = 4096
REQUESTS_PER_IMAGE = 11


@cache
def _common_part(pieces: int) -> "hashlib._Hash":
    running = hashlib.sha256()
    for _ in range(pieces):
        running.update(_BYTES)
    return running


@dataclass(frozen=True)
class Stream:
    """A large blob that nobody pushed before: the same piece again and again, the last one its own.

    The digest of the common part is computed once, so that the client hashes little while servers are measured.
    """

    size: int
    last: bytes = field(default_factory=lambda: os.urandom(32) * (_PIECE // 32))

    @property
    def digest(self) -> str:
        """The digest of the whole."""
        running = _common_part(self.size // _PIECE - 1).copy()
        running.update(self.last)
        return f"sha256:{running.hexdigest()}"

    def pieces(self) -> Iterator[bytes]:
        """Give the blob in pieces of 1 MiB."""
        for _ in range(self.size // _PIECE - 1):
            yield _BYTES
        yield self.last


def begin(connection: Connection, repository: str) -> str:
    """Open an upload; returns where its bytes go."""
    return connection.request("POST", f"/v2/{repository}/blobs/uploads/").expect(202, "opening an upload").location()


def finish(connection: Connection, location: str, digest: str, body: Buffer = b"") -> None:
    """Close an upload with its digest and, if need be, its bytes."""
    joint = "&" if "?" in location else "?"
    path = f"{location}{joint}digest={digest.replace(':', '%3A')}"
    connection.request("PUT", path, body, Content_Type="application/octet-stream").expect(201, "closing an upload")


def push_blob(connection: Connection, repository: str, body: Buffer, digest: str) -> float:
    """Push a blob by POST, then one PUT with all of it; returns the seconds it took."""
    began = time.perf_counter()
    finish(connection, begin(connection, repository), digest, body)
    return time.perf_counter() - began


def push_stream(connection: Connection, repository: str, stream: Stream) -> None:
    """Push a large blob as docker does: POST, one PATCH of unannounced length, an empty PUT."""
    location = begin(connection, repository)
    answer = connection.request_chunked("PATCH", location, stream.pieces()).expect(202, "sending a blob")
    finish(connection, answer.location(), stream.digest)


def push_image(connection: Connection, repository: str, tag: str) -> float:
    """Push an image of two new blobs of 4 KiB in the requests that docker sends; returns the seconds it took."""
    config, layer = Blob.of(os.urandom(_SMALL_BLOB)), Blob.of(os.urandom(_SMALL_BLOB))
    image = manifest(config, (layer,), tag)
    began = time.perf_counter()
    connection.request("GET", "/v2/").expect(200, "GET /v2/")
    for blob in (layer, config):
        path = f"/v2/{repository}/blobs/{blob.digest}"
        connection.request("HEAD", path).expect(404, "HEAD of a new blob")
        location = begin(connection, repository)
        answer = connection.request_chunked("PATCH", location, [blob.content]).expect(202, "sending a blob")
        finish(connection, answer.location(), blob.digest)
        if blob is layer:
            connection.request("HEAD", path).expect(200, "HEAD of a pushed blob")
    put = connection.request("PUT", f"/v2/{repository}/manifests/{tag}", image.content, Content_Type=MANIFEST_TYPE)
    put.expect(201, "PUT of a manifest")
    return time.perf_counter() - began


def push_images(port: int, client: int, round_: int, start_at: float, seconds: float) -> list[float]:
    """Be one of several clients: from a common moment on, push image after image; returns the seconds of each.

    Runs in a process of its own; the monotonic clock is one for the whole machine.
    """
    took: list[float] = []
    with Connection(port) as connection:
        time.sleep(max(0.0, start_at - time.monotonic()))
        while time.monotonic() < start_at + seconds:
            repository = f"pushed/by-{client}/app-{len(took) % 10}"
            took.append(push_image(connection, repository, f"r{round_}-{len(took)}"))
    return took


class Uploads:
    """Uploads of large blobs that run beside other work until it ends, one after the other on each connection."""

    def __init__(self, port: int, count: int, size: int) -> None:
        _common_part(size // _PIECE - 1)  # digested before anything is measured
        self._port = port
        self._size = size
        self._stop = threading.Event()
        self._sent = [0] * count
        self._began = 0.0
        self._pool = ThreadPoolExecutor(count)
        self._running = [self._pool.submit(self._upload, number) for number in range(count)]

    def wait_until_flowing(self) -> None:
        """Return when every upload has sent something; the rate is counted from here."""
        deadline = time.monotonic() + 30
        while not all(self._sent):
            if time.monotonic() > deadline:
                raise BenchError("the uploads did not begin within 30 s")
            time.sleep(0.02)
        self._sent = [1] * len(self._sent)
        self._began = time.monotonic()

    def end(self) -> float:
        """Stop the uploads, those under way are cut short; returns the bytes sent per second until now."""
        rate = sum(self._sent) / (time.monotonic() - self._began) if self._began else 0.0
        self._stop.set()
        try:
            for upload in self._running:
                upload.result(timeout=180)
        finally:
            self._pool.shutdown(wait=False)
        return rate

    def _upload(self, number: int) -> None:
        with Connection(self._port) as connection:
            while not self._stop.is_set():
                stream = Stream(self._size)
                location = begin(connection, f"uploads/beside-{number}")
                answer = connection.request_chunked("PATCH", location, self._pieces(number, stream))
                location = answer.expect(202, "sending a blob").location()
                if self._stop.is_set():
                    connection.request("DELETE", location)
                else:
                    finish(connection, location, stream.digest)

    def _pieces(self, number: int, stream: Stream) -> Iterator[bytes]:
        for piece in stream.pieces():
            if self._stop.is_set():
                return
            yield piece
            self._sent[number] += len(piece)


def upload_at_once(port: int, count: int, size: int) -> None:
    """Open so many uploads, send so many bytes on each at the same time, then cancel them."""
    together = threading.Barrier(count)

    def upload(number: int) -> None:
        try:
            with Connection(port, timeout=600) as connection:
                location = begin(connection, f"uploads/at-once-{number}")
                together.wait(60)
                pieces = (_BYTES for _ in range(size // _PIECE))
                answer = connection.request_chunked("PATCH", location, pieces).expect(202, "sending a blob")
                connection.request("DELETE", answer.location()).expect(204, "cancelling an upload")
        except BaseException:
            together.abort()
            raise

    with ThreadPoolExecutor(count) as pool:
        failures = [done.exception() for done in [pool.submit(upload, number) for number in range(count)]]
    for failure in failures:
        if failure is not None and not isinstance(failure, threading.BrokenBarrierError):
            raise failure
