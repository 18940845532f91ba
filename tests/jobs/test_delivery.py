# SPDX-License-Identifier: Apache-2.0
"""Delivery of events to receivers that behave well and badly, from a real index over real connections."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from entrepot.index.index import Index, open_index
from entrepot.jobs import feeding
from entrepot.jobs.delivery import deliver_forever
from entrepot.jobs.feeding import Bounds
from entrepot.jobs.posting import find_proxy
from entrepot.jobs.settings import Endpoint
from entrepot.telemetry.events import EventMetrics
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.metrics import expose
from entrepot.telemetry.settings import LogSettings
from support.receivers import Receiver, Verdict

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """An index with an empty feed."""
    with open_index(tmp_path / "index.sqlite3") as opened:
        yield opened
    structlog.reset_defaults()


def event(number: int, action: str = "push", media_type: str = "a/b") -> str:
    """The body of one event."""
    return json.dumps({"id": str(number), "action": action, "target": {"mediaType": media_type, "tag": f"t{number}"}})


def towards(receiver: Receiver, name: str = "receiver", **changes: Any) -> Endpoint:
    """A receiver as an endpoint that is tried again quickly."""
    settings: dict[str, Any] = {"timeout": 0.4, "threshold": 3, "backoff": 0.01, **changes}
    return Endpoint(name, receiver.url, **settings)


@contextlib.asynccontextmanager
async def delivering(index: Index, *endpoints: Endpoint, bounds: Bounds | None = None) -> AsyncIterator[EventMetrics]:
    """The job, running until the end of the block."""
    metrics, log = EventMetrics(), configure_logs(LogSettings())
    job = asyncio.ensure_future(deliver_forever(index, endpoints, bounds or Bounds(), metrics, log))
    try:
        await told(lambda: _known(index, endpoints, job))
        yield metrics
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        await index.leases.end("events")


def _known(index: Index, endpoints: tuple[Endpoint, ...], job: asyncio.Future[None]) -> bool:
    """Whether the job has begun: events from now on are for its endpoints."""
    if job.done():
        job.result()
    rows = index.kept._engine.write_blocking(lambda tx: tx.all(index.outbox._told, {}))
    return {str(row[1]) for row in rows} == {one.name for one in endpoints}


async def told(enough: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for it, without holding up the loop that delivers."""
    async with asyncio.timeout(seconds):
        while not enough():  # noqa: ASYNC110 - the receiver's thread has no event to set here
            await asyncio.sleep(0.01)


def ids(receiver: Receiver) -> list[str]:
    """What it took, in order."""
    return [str(taken["id"]) for taken in receiver.taken()]


def numbers(first: int, behind: int) -> list[str]:
    """The ids of events."""
    return [str(number) for number in range(first, behind)]


async def test_each_event_alone_in_order(index: Index) -> None:
    """One event in a request, in order, in distribution's form, with the configured headers and a signature over the
    bytes of the body.
    """
    with Receiver() as receiver:
        headers = {"Authorization": ("Bearer x",), "X-Two": ("a", "b"), "User-Agent": ("mine",)}
        async with delivering(index, towards(receiver, headers=headers, secret="hush")):
            await index.outbox.add([event(number) for number in range(250)])
            await told(lambda: len(ids(receiver)) == 250)
        assert ids(receiver) == numbers(0, 250)
        first = receiver.deliveries[0]
    assert first.headers["content-type"] == "application/vnd.docker.distribution.events.v1+json"
    assert (first.headers["authorization"], first.headers["user-agent"]) == ("Bearer x", "mine")
    assert first.headers["x-entrepot-signature-256"] == (
        "sha256=" + hmac.new(b"hush", first.body, hashlib.sha256).hexdigest()
    )
    assert first.body.startswith(b'{\n   "events": [\n      {\n         "id": "0",')


@pytest.mark.parametrize("bad", [500, 404, "close", "hang", "endless", "loop", "forget"])
async def test_until_it_is_taken(index: Index, bad: Verdict) -> None:
    """Whatever an endpoint does wrong, four times: the same event, under the same id, comes again until it is taken,
    and none overtakes it. An answer that never ends counts as taken: its status did come.
    """
    with Receiver(lambda number: bad if number in {1, 2, 3, 4} else 200) as receiver:
        async with delivering(index, towards(receiver)):
            await index.outbox.add([event(number) for number in range(4)])
            await told(lambda: [one.event["id"] for one in receiver.deliveries][-1:] == ["3"])
        seen = [delivery.event["id"] for delivery in receiver.deliveries]
        bodies = {delivery.body for delivery in receiver.deliveries if delivery.event["id"] == "1"}
    assert len(bodies) == 1
    assert seen == (numbers(0, 4) if bad == "endless" else ["0", *["1"] * 5, "2", "3"])


@pytest.mark.parametrize("good", [200, 201, 204, 302, 304, 399])
async def test_what_counts_as_taken(index: Index, good: int) -> None:
    """Any 2xx and 3xx that leads nowhere, as in distribution."""
    with Receiver(lambda _: good) as receiver:
        async with delivering(index, towards(receiver)):
            await index.outbox.add([event(0), event(1)])
            await told(lambda: len(ids(receiver)) == 2)
        assert [delivery.event["id"] for delivery in receiver.deliveries] == ["0", "1"]


async def test_an_endpoint_that_refuses(index: Index) -> None:
    """While nobody listens nothing is lost; it is told once somebody does."""
    receiver = Receiver()
    async with delivering(index, towards(receiver)):
        await index.outbox.add([event(number) for number in range(5)])
        await asyncio.sleep(0.3)
        with receiver:
            await told(lambda: len(ids(receiver)) == 5)
    assert ids(receiver) == numbers(0, 5)


async def test_a_hanging_endpoint_delays_no_other(index: Index) -> None:
    """One that hangs, with a timeout of a minute: another is told everything meanwhile."""
    with Receiver(lambda _: "hang") as bad, Receiver() as good:
        async with delivering(index, towards(bad, "bad", timeout=60.0), towards(good, "good")):
            await index.outbox.add([event(number) for number in range(50)])
            await told(lambda: len(ids(good)) == 50, seconds=5)
        assert len(bad.deliveries) == 1


async def test_threshold_and_backoff(index: Index) -> None:
    """As many attempts as the threshold says come at once, then each waits for the backoff; a success ends that."""
    moments: list[float] = []

    def judge(number: int) -> Verdict:
        moments.append(time.monotonic())
        return 200 if number in {5, 6} else 500

    with Receiver(judge) as receiver:
        async with delivering(index, towards(receiver, threshold=3, backoff=0.3)):
            await index.outbox.add([event(0), event(1), event(2)])
            await told(lambda: len(moments) >= 10)
    waits = [after - before for before, after in itertools.pairwise(moments)]
    slow = [wait > 0.28 for wait in waits[:9]]
    assert slow == [False, False, True, True, True, False, False, False, False]


async def test_ignored_events(index: Index) -> None:
    """Either list is enough; what is ignored stops nothing and is not counted."""
    lists: dict[str, Any] = {"ignored_actions": frozenset({"pull"}), "ignored_mediatypes": frozenset({"x/layer"})}
    with Receiver() as receiver:
        async with delivering(index, towards(receiver, **lists)) as metrics:
            await index.outbox.add([event(0, "pull"), event(1, media_type="x/layer"), event(2), event(3, "pull")])
            await index.outbox.add([event(4)])
            counts = metrics.endpoint("receiver")
            await told(lambda: counts.successes == 2)
            assert counts.events == 2
    assert ids(receiver) == ["2", "4"]


async def test_a_restart_goes_on(index: Index) -> None:
    """What was told before an orderly end is not told again; what happened meanwhile is. A new endpoint begins with
    what happens from now on, and one that was configured no more for a while begins anew.
    """
    with Receiver() as first, Receiver() as second:
        async with delivering(index, towards(first, "first")):
            await index.outbox.add([event(0), event(1)])
            await told(lambda: len(ids(first)) == 2)
        await index.outbox.add([event(2)])
        async with delivering(index, towards(first, "first")):
            await told(lambda: len(ids(first)) == 3)
        async with delivering(index, towards(second, "second")):
            await index.outbox.add([event(3)])
            await told(lambda: len(ids(second)) == 1)
        async with delivering(index, towards(first, "first")):
            await index.outbox.add([event(4)])
            await told(lambda: len(ids(first)) == 4)
    assert (ids(first), ids(second)) == (["0", "1", "2", "4"], ["3"])


async def test_a_bounded_backlog(
    index: Index, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of more events than are kept the oldest are dropped, with a loud line and a count; the rest comes in order."""
    monkeypatch.setattr(feeding, "TRIM_SECONDS", 0.05)
    with Receiver(lambda _: "close") as receiver:
        async with delivering(index, towards(receiver, backoff=0.05), bounds=Bounds(events=300)) as metrics:
            await index.outbox.add([event(number) for number in range(1000)])
            counts = metrics.endpoint("receiver")
            await told(lambda: counts.dropped == 700)
            receiver.judge = lambda _: 200
            await told(lambda: ids(receiver)[-1:] == ["999"])
            extent = await index.outbox.extent()
    assert extent is not None
    assert extent.newest - extent.oldest + 1 == 300
    assert ids(receiver) == numbers(700, 1000)
    (line, *_) = [line for line in capfd.readouterr().err.splitlines() if "were dropped" in line]
    assert "level=error" in line
    assert "endpoint=receiver" in line


async def test_age(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was told goes after its age, but the newest; what was not told stays, however far the clock jumps."""
    monkeypatch.setattr(feeding, "TRIM_SECONDS", 0.05)
    with Receiver(lambda number: 200 if number < 5 else "close") as receiver:
        async with delivering(index, towards(receiver, backoff=0.05), bounds=Bounds(seconds=3600)):
            await index.outbox.add([event(number) for number in range(10)])
            await told(lambda: len(receiver.deliveries) > 6)
            await asyncio.sleep(0.5)
            before = await index.outbox.page(0, 100)
            real = time.time
            monkeypatch.setattr(time, "time", lambda: real() + 4000)
            await asyncio.sleep(0.5)
            after = await index.outbox.page(0, 100)
            receiver.judge = lambda _: 200
            await told(lambda: ids(receiver)[-1:] == ["9"])
            await asyncio.sleep(0.6)
            rest = await index.outbox.page(0, 100)
    assert [len(before), len(after), len(rest)] == [10, 5, 1]
    assert ids(receiver) == numbers(0, 10)


async def test_a_clock_that_jumps(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and backward by years while events come and are told: all are told once, in order."""
    real = time.time
    with Receiver(lambda number: 500 if number % 3 else 200) as receiver:
        async with delivering(index, towards(receiver)):
            for number, jump in enumerate((0.0, 3e8, -3e8, 0.0)):
                monkeypatch.setattr(time, "time", lambda by=jump: real() + by)
                await index.outbox.add([event(number)])
                await asyncio.sleep(0.2)
            await told(lambda: len(ids(receiver)) == 4)
    assert ids(receiver) == numbers(0, 4)


async def test_metrics(index: Index, tmp_path: Path) -> None:
    """Distribution's names, with a series for each endpoint."""
    with Receiver(lambda number: (500, "close", 200)[number] if number < 3 else 200) as receiver:
        async with delivering(index, towards(receiver)) as metrics:
            await index.outbox.add([event(0), event(1)])
            await told(lambda: len(ids(receiver)) == 2)
            await told(lambda: metrics.endpoint("receiver").pending == 0)
            text = expose(tmp_path / "none", metrics).decode()
    for line in (
        'registry_notifications_events_total{endpoint="receiver",type="Events"} 2.0',
        'registry_notifications_events_total{endpoint="receiver",type="Successes"} 2.0',
        'registry_notifications_events_total{endpoint="receiver",type="Failures"} 1.0',
        'registry_notifications_events_total{endpoint="receiver",type="Errors"} 1.0',
        'registry_notifications_pending_total{endpoint="receiver"} 0.0',
        'registry_notifications_status_total{code="500 Internal Server Error",endpoint="receiver"} 1.0',
        'registry_notifications_dropped_total{endpoint="receiver"} 0.0',
    ):
        assert line in text


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names them as for Go's programs, and loopback is never asked of one."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert find_proxy("https://hooks.example.com/") is None
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example.com:3128")
    monkeypatch.setenv("HTTP_PROXY", "http://plain.example.com:3128")
    monkeypatch.setenv("NO_PROXY", "internal.example.com,.local")
    assert find_proxy("https://hooks.example.com/") == "http://proxy.example.com:3128"
    assert find_proxy("http://user:word@hooks.example.com/") == "http://plain.example.com:3128"
    for host in ("internal.example.com", "a.local", "localhost:8000", "127.0.0.1", "[::1]:80"):
        assert find_proxy(f"http://{host}/") is None
