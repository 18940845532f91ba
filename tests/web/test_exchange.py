# SPDX-License-Identifier: Apache-2.0
"""One request over ASGI: its body in parts, its end, and what is answered."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from starlette.types import Message

from entrepot.oci.errors import RequestInvalid, SizeInvalid, Unavailable
from entrepot.web.exchange import SMALL, Answer, ClientGone, Exchange
from support.seen import LOCAL


class Wire:
    """A client that sends given messages and remembers what it gets."""

    def __init__(
        self, *messages: Message, method: str = "GET", headers: Mapping[str, str] | None = None, query: bytes = b""
    ) -> None:
        self.messages = list(messages)
        self.sent: list[Message] = []
        encoded = [(key.encode(), value.encode()) for key, value in (headers or {}).items()]
        scope = {"type": "http", "method": method, "headers": encoded, "query_string": query, "path": "/v2/"}
        self.exchange = Exchange(scope, self.receive, self.send, LOCAL)

    async def receive(self) -> Message:
        """The next message; behind the last one the client is gone."""
        return self.messages.pop(0) if self.messages else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """What the registry answers."""
        self.sent.append(message)


async def refuse() -> None:
    """Small bodies need not be admitted."""
    raise AssertionError


def part(body: bytes, *, more: bool = True) -> Message:
    """A part of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


def headers_of(message: Message) -> dict[str, str]:
    """The headers of an answer's start."""
    return {key.decode().lower(): value.decode() for key, value in message["headers"]}


@pytest.mark.parametrize(
    "messages",
    [
        [part(b"ab"), part(b"cd", more=False)],
        [part(b"ab"), part(b""), part(b"cd"), part(b"", more=False)],
        [part(b"abcd", more=False)],
        [part(b""), part(b"abcd"), {"type": "http.request"}],
    ],
)
async def test_bodies(messages: Sequence[Message]) -> None:
    """A body is read to its end, however it is cut; behind the end there is nothing."""
    exchange = Wire(*messages).exchange
    assert await exchange.read_all(4, refuse) == b"abcd"
    assert await exchange.read() is None
    assert exchange.received == 4


async def test_bodies_over_the_limit() -> None:
    """A body over the limit is given up as soon as that is known."""
    wire = Wire(part(b"ab"), part(b"cd"), part(b"ef"), part(b"", more=False))
    assert await wire.exchange.read_all(3, refuse) is None
    assert len(wire.messages) == 2


async def test_large_bodies_are_admitted_once() -> None:
    """A body that is not small is read on only once it was admitted."""
    wire = Wire(*[part(bytes(SMALL))] * 4, part(b"", more=False))
    left: list[int] = []

    async def admit() -> None:
        left.append(len(wire.messages))

    assert await wire.exchange.read_all(4 * SMALL, admit) == bytes(4 * SMALL)
    assert left == [3]


async def test_bodies_that_break_off() -> None:
    """A client that goes away in its body is ClientGone, which is no end of the body."""
    exchange = Wire(part(b"ab")).exchange
    assert await exchange.read() == b"ab"
    with pytest.raises(ClientGone):
        await exchange.read()


@pytest.mark.parametrize(("method", "body"), [("GET", b"body"), ("HEAD", b"")])
async def test_answers(method: str, body: bytes) -> None:
    """HEAD gets the headers of GET, Content-Length included, and no body."""
    wire = Wire(method=method)
    wire.exchange.extra["X-Request-Id"] = "1"
    await wire.exchange.answer(Answer(200, {"A": "b"}, b"body"))
    start, rest = wire.sent
    assert (start["status"], headers_of(start)) == (200, {"a": "b", "content-length": "4", "x-request-id": "1"})
    assert rest["body"] == body
    assert (wire.exchange.status, wire.exchange.sent, wire.exchange.answered) == (200, len(body), True)


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_content(status: int) -> None:
    """204 and 304 have no Content-Length."""
    wire = Wire()
    await wire.exchange.answer(Answer(status))
    assert headers_of(wire.sent[0]) == {}


async def test_draining() -> None:
    """Before an error the rest of the body is read, up to a bound, behind which the connection closes."""
    short = Wire(part(b"rest"), part(b"", more=False))
    await short.exchange.drain()
    assert short.messages == []
    assert "Connection" not in short.exchange.extra
    endless = Wire(*[part(bytes(1 << 20))] * 20)
    await endless.exchange.drain()
    assert 8 <= 20 - len(endless.messages) <= 10
    assert endless.exchange.extra["Connection"] == "close"


async def test_no_draining_where_the_client_waits() -> None:
    """A client that waits for 100-continue has not sent its body, so nothing is waited for."""
    wire = Wire(part(b"rest"), headers={"expect": "100-continue"})
    await wire.exchange.drain()
    assert len(wire.messages) == 1


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ({}, None),
        ({"content-length": "0"}, 0),
        ({"content-length": "17"}, 17),
        ({"content-length": "17", "transfer-encoding": "chunked"}, None),
    ],
)
def test_content_length(headers: dict[str, str], length: int | None) -> None:
    """What was announced, where the body is not chunked."""
    assert Wire(headers=headers).exchange.content_length() == length


@pytest.mark.parametrize("text", ["-1", "x", "", "1.5", "9" * 19, "+1", "1 1"])
def test_content_length_that_is_none(text: str) -> None:
    """What is no number of bytes is refused."""
    with pytest.raises(SizeInvalid):
        Wire(headers={"content-length": text}).exchange.content_length()


def test_queries() -> None:
    """Parameters are decoded; absurdly many are refused."""
    exchange = Wire(query=b"last=a%2Fb&tag=1&tag=2&empty=").exchange
    assert exchange.query["last"] == "a/b"
    assert exchange.query.getlist("tag") == ["1", "2"]
    with pytest.raises(RequestInvalid):
        assert Wire(query=b"&" * 2000).exchange.query


async def test_large_bodies_have_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large body that goes on and on without an end is given up, and the connection with it; a small one is not."""
    monkeypatch.setattr("entrepot.web.exchange.LARGE_SECONDS", 0.2)

    async def admit() -> None:
        pass

    class Trickling(Wire):
        """A client that always has one byte more, until it ends."""

        async def receive(self) -> Message:
            await asyncio.sleep(0.05)
            return self.messages.pop(0) if self.messages else part(b"x", more=self.exchange.received < 10)

    large = Trickling(part(bytes(SMALL + 1)), *[part(b"x")] * 100).exchange
    with pytest.raises(Unavailable):
        await large.read_all(2 * SMALL, admit)
    assert large.extra["Connection"] == "close"
    assert await large.read() is None
    assert await Trickling().exchange.read_all(2 * SMALL, refuse) == b"x" * 11


async def test_large_answers_go_in_parts() -> None:
    """A large answer goes in parts, the last of which says so, and is whole."""
    wire = Wire()
    body = bytes(range(256)) * 600
    await wire.exchange.answer(Answer(200, {}, body))
    parts = wire.sent[1:]
    assert [message["more_body"] for message in parts] == [True, True, False]
    assert b"".join(message["body"] for message in parts) == body
    assert wire.exchange.sent == len(body)


async def test_large_answers_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large answer whose client takes no more of it is cut off."""
    monkeypatch.setattr("entrepot.web.exchange.SILENCE", 0.1)

    class Stuck(Wire):
        """A client that takes the head and one part."""

        async def send(self, message: Message) -> None:
            if len(self.sent) == 2:
                await asyncio.Event().wait()
            await super().send(message)

    wire = Stuck()
    await wire.exchange.answer(Answer(200, {}, bytes(3 * SMALL)))
    assert wire.exchange.sent == SMALL
    assert wire.sent[-1]["more_body"]
