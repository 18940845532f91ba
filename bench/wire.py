# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as plainly as a load generator can have it: one keep-alive socket, bytes out of memory, no library.

The generator shares the cores with the servers, so what it does not do, it does not take away from them.
"""

import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from bench.errors import BenchError

Buffer = bytes | bytearray | memoryview
_PIECE = 1 << 20


@dataclass(frozen=True)
class Answer:
    """Status, headers (lower-case names) and body of a response."""

    status: int
    headers: dict[str, str]
    body: bytes

    def expect(self, status: int, what: str) -> Self:
        """Go on only with the status that the work needs."""
        if self.status != status:
            raise BenchError(f"{what} was answered {self.status} instead of {status}: {self.body[:200]!r}")
        return self

    def location(self) -> str:
        """Path and query of the Location header, whether it came absolute or relative."""
        parts = urlsplit(self.headers.get("location", ""))
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


class Connection:
    """One keep-alive connection to a server on this machine."""

    def __init__(self, port: int, timeout: float = 120, trust: ssl.SSLContext | None = None) -> None:
        """`trust`: speak TLS, with a server whose certificate it verifies."""
        self._host = f"127.0.0.1:{port}"
        self._socket = _connect(port, timeout, trust)
        self._pending = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket, whatever is under way."""
        self._socket.close()

    def cipher(self) -> str:
        """What TLS agreed on, "" without it."""
        agreed = self._socket.cipher() if isinstance(self._socket, ssl.SSLSocket) else None
        return f"{agreed[1]}, {agreed[0]}" if agreed else ""

    def request(self, method: str, path: str, body: Buffer = b"", **headers: str) -> Answer:
        """Send a request with its length announced and read the whole answer."""
        head = self._head(method, path, headers, f"Content-Length: {len(body)}\r\n")
        if len(body) <= 65536:
            self._socket.sendall(head + body)
        else:
            self._socket.sendall(head)
            self._socket.sendall(body)
        return self._answer(method)

    def request_chunked(self, method: str, path: str, pieces: Iterable[Buffer], **headers: str) -> Answer:
        """Send a body in chunks, its length unannounced, as docker does."""
        head = self._head(method, path, headers, "Transfer-Encoding: chunked\r\n")
        for piece in pieces:
            start = head + b"%x\r\n" % len(piece)
            if len(piece) <= 65536:
                self._socket.sendall(start + piece + b"\r\n")
            else:
                self._socket.sendall(start)
                self._socket.sendall(piece)
                self._socket.sendall(b"\r\n")
            head = b""
        self._socket.sendall(head + b"0\r\n\r\n")
        return self._answer(method)

    def download(self, path: str) -> int:
        """Read a body and throw it away; returns its length."""
        self._socket.sendall(self._head("GET", path, {}, ""))
        status, headers = self._answer_head()
        if status != 200 or "content-length" not in headers:
            raise BenchError(f"GET {path} was answered {status}, length {headers.get('content-length')}")
        length = int(headers["content-length"])
        left = length - len(self._pending)
        self._pending.clear()
        target = memoryview(bytearray(_PIECE))
        while left > 0:
            got = self._socket.recv_into(target, min(left, _PIECE))
            if not got:
                raise BenchError(f"GET {path} ended {left} bytes early")
            left -= got
        return length

    def _head(self, method: str, path: str, headers: dict[str, str], framing: str) -> bytes:
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        return f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\n{extra}{framing}\r\n".encode()

    def _answer(self, method: str) -> Answer:
        status, headers = self._answer_head()
        while status == 100:
            status, headers = self._answer_head()
        if method == "HEAD" or status in {204, 304}:
            body = b""
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunked_body()
        else:
            body = self._take(int(headers.get("content-length", "0")))
        return Answer(status, headers, body)

    def _answer_head(self) -> tuple[int, dict[str, str]]:
        lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return int(lines[0].split(" ", 2)[1]), headers

    def _chunked_body(self) -> bytes:
        body = bytearray()
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            body += self._take(size)
            self._take(2)
        self._until(b"\r\n")
        return bytes(body)

    def _until(self, mark: bytes) -> bytes:
        while (end := self._pending.find(mark)) < 0:
            self._receive()
        found = bytes(self._pending[:end])
        del self._pending[: end + len(mark)]
        return found

    def _take(self, length: int) -> bytes:
        while len(self._pending) < length:
            self._receive()
        found = bytes(self._pending[:length])
        del self._pending[:length]
        return found

    def _receive(self) -> None:
        if not (got := self._socket.recv(65536)):
            raise ConnectionResetError("the server closed the connection")
        self._pending += got


def _connect(port: int, timeout: float, trust: ssl.SSLContext | None) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=timeout)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if trust is None:
        return plain
    try:
        return trust.wrap_socket(plain, server_hostname="127.0.0.1")
    except BaseException:
        plain.close()
        raise
