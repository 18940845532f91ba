# SPDX-License-Identifier: Apache-2.0
"""One request and what is answered to it, over ASGI.

Plain functions over ``send`` and ``receive`` rather than a framework's middleware: bodies of gigabytes go through here,
and each layer costs microseconds on the hot path.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from starlette.datastructures import Headers, QueryParams
from starlette.types import Message, Scope

from entrepot.auth.gate import Admission
from entrepot.oci.callers import Caller
from entrepot.oci.errors import RequestInvalid, SizeInvalid, Unavailable
from entrepot.web.callers import find_caller
from entrepot.web.forwarded import Seen

Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SILENCE = 60.0
"""Seconds without a byte after which a body is given up, and a large answer that nobody reads."""

DRAIN_BYTES = 8 * 1024 * 1024
DRAIN_SECONDS = 5.0
"""How much of a body, and for how long, is read before an error is answered: an answer given while the client still
sends is lost (seen with Granian)."""

SMALL = 64 * 1024
"""Bytes of a body that are gathered in memory without asking, and that are sent at once."""

LARGE_SECONDS = 30.0
"""For a whole body over :data:`SMALL`, once admitted: who trickles would keep others out."""


class ClientGone(Exception):  # the fact, not a fault
    """The client went away in the middle of its request; nobody is left to answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. ``headers`` are sent as they are; Content-Length is added where ``body`` decides it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def json_answer(document: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """JSON with the newline behind it that distribution sends."""
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, body)


def answer_options(methods: Sequence[str]) -> Answer:
    """To OPTIONS: what is allowed. A browser's preflight for a web UI elsewhere needs 200, with the headers that
    ``http.headers`` adds, as distribution gives it.
    """
    return Answer(200, {"Allow": ", ".join([*methods, "OPTIONS"])})


class Exchange:
    """A request, its body, and the way to answer it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, seen: Seen) -> None:
        """``seen``: what is believed of who asks."""
        self.scope = scope
        self.seen = seen
        self.method = cast(str, scope["method"])
        self.headers = Headers(scope=scope)
        self.received = 0
        self.sent = 0
        self.status = 0
        self.extra: MutableMapping[str, str] = {}
        self.admission: Admission | None = None
        self._receive = receive
        self._send = send
        self._ended = False

    @property
    def query(self) -> QueryParams:
        """Decoded query parameters. Raises ``RequestInvalid`` where there are absurdly many."""
        raw = cast(bytes, self.scope["query_string"])
        if raw.count(b"&") > 1000:
            raise RequestInvalid("a query has at most 1000 parameters")
        return QueryParams(raw.decode("latin-1"))

    @property
    def answered(self) -> bool:
        """Whether an answer has begun."""
        return self.status != 0

    def caller(self) -> Caller:
        """Who asks, for history and events."""
        admitted = self.admitted
        return find_caller(self.scope, self.seen, self.extra.get("X-Request-Id", ""), admitted.actor, admitted.rule)

    @property
    def admitted(self) -> Admission:
        """As what the request was let in. A page that was reached past the gate is a fault of ours, never open."""
        if self.admission is None:
            raise RuntimeError("nobody asked the gate for this request")
        return self.admission

    def content_length(self) -> int | None:
        """What the client announced; None for chunked bodies."""
        text = self.headers.get("content-length")
        if "transfer-encoding" in self.headers or text is None:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise SizeInvalid(f"Content-Length {text[:40]!r} is not a number of bytes")
        return int(text)

    def client_has(self, digest: str) -> bool:
        """Whether If-None-Match names ``digest``, quoted as an entity tag is or bare as some clients send it, or ``*``
        (RFC 9110, 13.1.2).
        """
        condition = self.headers.get("if-none-match")
        if condition is None:
            return False
        tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
        return not tags.isdisjoint({f'"{digest}"', digest, "*"})

    async def read(self) -> bytes | None:
        """The next bytes of the body, None at its end.

        Raises :class:`ClientGone` where it ends early, ``Unavailable`` after :data:`SILENCE`.
        """
        if self._ended:
            return None
        while True:
            message = await self._next(SILENCE)
            chunk: bytes = message.get("body", b"")
            if not message.get("more_body"):
                self._ended = True
            self.received += len(chunk)
            if chunk:
                return chunk
            if not message.get("more_body"):
                return None

    async def read_all(self, limit: int, admit: Callable[[], Awaitable[None]]) -> bytes | None:
        """The whole body; None where it is larger than ``limit`` bytes. One over :data:`SMALL` is read on only after
        ``admit``, so that many at once cannot fill the memory; then ``Unavailable`` after :data:`LARGE_SECONDS`.
        """
        chunks = []
        admitted = False
        try:
            async with asyncio.timeout(None) as patience:
                while (chunk := await self.read()) is not None:
                    chunks.append(chunk)
                    if self.received > limit:
                        return None
                    if self.received > SMALL and not admitted:
                        await admit()
                        admitted = True
                        patience.reschedule(asyncio.get_running_loop().time() + LARGE_SECONDS)
        except TimeoutError:
            self._give_up()
            raise Unavailable(f"the body did not come within {LARGE_SECONDS:.0f} s") from None
        return b"".join(chunks)

    async def drain(self) -> None:
        """Read what the client still sends, within bounds. Not where it waits for our word (Expect: 100-continue): over
        HTTP/2 it does not wait long, and takes an answer before its end for a broken stream (seen with curl).
        """
        waits = "expect" in self.headers and not str(self.scope.get("http_version")).startswith("2")
        if self._ended or waits:
            return
        limit = self.received + DRAIN_BYTES
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while self.received < limit and await self.read() is not None:
                    pass
        except (TimeoutError, ClientGone, Unavailable):
            pass
        if not self._ended:
            self.extra["Connection"] = "close"

    async def answer(self, answer: Answer) -> None:
        """Send a whole answer; to HEAD only its headers. A large one goes in parts, each of which waits until the
        client has room for it (Granian's ``send`` does), and is cut off where that takes longer than :data:`SILENCE`.
        """
        body = b"" if self.method == "HEAD" else answer.body
        headers = dict(answer.headers)
        if answer.status not in {204, 304}:
            headers.setdefault("Content-Length", str(len(answer.body)))
        await self.start(answer.status, headers)
        end = max(1, len(body))
        for at in range(0, end, SMALL):
            try:
                async with asyncio.timeout(SILENCE):
                    await self.send_chunk(body[at : at + SMALL], more=at + SMALL < end)
            except TimeoutError:
                return  # with the rest unsent: the server closes the connection

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the head of an answer."""
        self.status = status
        merged = {**headers, **self.extra}
        encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in merged.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def send_chunk(self, chunk: bytes, *, more: bool) -> None:
        """Send a part of a body whose head was sent."""
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})
        self.sent += len(chunk)

    async def send_file(self, path: str, size: int) -> None:
        """Let the server send a whole file as the body. Returns before it has; ``sent`` says what is to be sent."""
        await self._send({"type": "http.response.pathsend", "path": path})
        self.sent += size

    def can_send_files(self) -> bool:
        """Whether the server offers the ASGI extension for it."""
        return "http.response.pathsend" in (self.scope.get("extensions") or {})

    async def _next(self, seconds: float) -> Message:
        try:
            async with asyncio.timeout(seconds):
                message = await self._receive()
        except TimeoutError:
            self._give_up()
            raise Unavailable(f"no byte of the body came for {SILENCE:.0f} s; go on with the upload") from None
        if message["type"] == "http.disconnect":
            self._ended = True
            raise ClientGone
        return message

    def _give_up(self) -> None:
        self._ended = True
        self.extra["Connection"] = "close"
