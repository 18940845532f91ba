# SPDX-License-Identifier: Apache-2.0
"""HTTP by hand over a raw socket, for what a polite client would never send."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class NoReply(AssertionError):
    """The connection ended, or stayed silent, without a whole answer."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The entries of the error document; fails where the body is none."""
        assert self.headers.get("content-type") == "application/json", f"{self.status} {self.headers} {self.body!r}"
        document = json.loads(self.body)
        assert set(document) == {"errors"}
        entries: list[dict[str, Any]] = document["errors"]
        for entry in entries:
            assert {"code", "message"} <= set(entry) <= {"code", "message", "detail"}
        return entries

    @property
    def code(self) -> str:
        """The code of the first error."""
        return str(self.errors[0]["code"])


def request(method: str, target: str | bytes, *headers: str, body: bytes = b"", host: str = "registry") -> bytes:
    """A request as it goes over the wire; only Host is added, and Content-Length where there is a body."""
    path = target if isinstance(target, bytes) else target.encode("latin-1")
    lines = [f"Host: {host}", *headers]
    if body and not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    head = b"".join(line.encode("latin-1") + b"\r\n" for line in lines)
    return method.encode() + b" " + path + b" HTTP/1.1\r\n" + head + b"\r\n" + body


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; of no bytes: its end."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


class Wire:
    """One connection to ``address`` (HOST:PORT)."""

    def __init__(self, address: str, *, seconds: float = 20) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=seconds)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Vanish."""
        self.socket.close()

    def send(self, data: bytes) -> Self:
        """Send these bytes, whatever they mean."""
        self.socket.sendall(data)
        return self

    def finish(self) -> Self:
        """Say that nothing more will come, and go on reading."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def reply(self, *, head: bool = False) -> Reply:
        """The next answer; ``head``: it answers HEAD and has no body."""
        while b"\r\n\r\n" not in self._buffer:
            self._more("the head of an answer")
        top, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = top.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split(" ")[1])
        if 100 <= status < 200:
            return Reply(status, headers, b"")
        length = 0 if head or status in {204, 304} else int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            self._more(f"the body of {first}")
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Reply(status, headers, body)

    def ended(self) -> bool:
        """Whether the other side closes, with nothing more said."""
        try:
            return not self._buffer and self.socket.recv(1) == b""
        except ConnectionError:
            return True

    def _more(self, what: str) -> None:
        try:
            data = self.socket.recv(65536)
        except OSError as error:
            raise NoReply(f"{error!r} instead of {what}; until then: {self._buffer[:200]!r}") from error
        if not data:
            raise NoReply(f"the connection ended instead of {what}; until then: {self._buffer[:200]!r}")
        self._buffer += data


def ask(address: str, data: bytes, *, head: bool = False, seconds: float = 20) -> Reply:
    """Send bytes on a connection of their own and read one answer."""
    with Wire(address, seconds=seconds) as wire:
        return wire.send(data).reply(head=head)
