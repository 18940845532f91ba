# SPDX-License-Identifier: Apache-2.0
"""The health board, shared by processes, and the probes whose findings are posted on it."""

import asyncio
import contextlib
import multiprocessing
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from entrepot.telemetry.health import Findings, HealthBoard
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.probes import Check, list_checks, watch_health
from entrepot.telemetry.settings import FileCheck, HealthSettings, HttpCheck, LogSettings, TcpCheck
from support.ports import free_port
from support.waiting import eventually


def test_board() -> None:
    """A board begins healthy, and says what was posted last; only blocking findings block."""
    board = HealthBoard()
    assert (board.blocked, board.read()) == (False, Findings({}, {}))
    for findings, blocked in (
        (Findings({"file": "exists"}, {"disk": "full"}), True),
        (Findings({}, {"disk": "full"}), False),
        (Findings({}, {}), False),
    ):
        board.post(findings)
        assert (board.blocked, board.read()) == (blocked, findings)


def test_board_is_shared() -> None:
    """What one process posts, those that were forked after the board was made see."""
    board = HealthBoard()
    child = multiprocessing.get_context("fork").Process(target=board.post, args=(Findings({"a": "b"}, {}),))
    child.start()
    child.join(10)
    assert child.exitcode == 0
    assert board.blocked
    assert board.read() == Findings({"a": "b"}, {})


@pytest.mark.parametrize("size", [1_000, 100_000])
def test_long_findings_are_still_findings(size: int) -> None:
    """A finding of any length, and any number of them, does not make the board look healthy."""
    board = HealthBoard()
    board.post(Findings({}, {"long": "x" * size}))
    assert "long" in board.read().degraded
    board.post(Findings({f"{n:04}": "é" * 500 for n in range(size // 200)}, {"last": "x"}))
    assert board.blocked
    assert board.read() != Findings({}, {})


def check_of(settings: HealthSettings) -> Check:
    """The one check that is configured."""
    [check] = list_checks(settings)
    assert check.blocking
    return check


async def test_file(tmp_path: Path) -> None:
    """A file check fails while the file exists."""
    file = tmp_path / "down"
    check = check_of(HealthSettings(file=(FileCheck(str(file)),)))
    findings = []
    for exists in (False, True, False):
        file.touch() if exists else file.unlink(missing_ok=True)
        await check.run()
        findings.append(check.finding)
    assert findings == [None, "file exists", None]


async def test_tcp() -> None:
    """A TCP check fails while nobody accepts."""
    port = free_port()
    check = check_of(HealthSettings(tcp=(TcpCheck(f"127.0.0.1:{port}"),)))
    await check.run()
    assert check.finding is not None
    with socket.create_server(("127.0.0.1", port)):
        await check.run()
        assert check.finding is None


class Answering(BaseHTTPRequestHandler):
    """Answers 204 where a header is as it must be, else 500."""

    def do_HEAD(self) -> None:
        self.send_response(204 if self.headers["X-Check"] == "a, b" else 500)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing is printed."""


@pytest.fixture
def address() -> Iterator[str]:
    """A server that answers as :class:`Answering` says."""
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("headers", "expected", "finding"),
    [
        ({"X-Check": ("a", "b")}, 204, None),
        ({"X-Check": ("a",)}, 204, "answered 500, not 204"),
        ({}, 500, None),
        ({"X-Check": ("a", "b")}, 200, "answered 204, not 200"),
    ],
)
async def test_http(address: str, headers: dict[str, tuple[str, ...]], expected: int, finding: str | None) -> None:
    """An HTTP check sends its headers and wants its status, whatever that is."""
    check = check_of(HealthSettings(http=(HttpCheck(address, headers, expected),)))
    await check.run()
    assert check.finding == finding


async def test_http_without_a_server() -> None:
    """Where nobody answers, the check fails with the reason."""
    check = check_of(HealthSettings(http=(HttpCheck(f"http://127.0.0.1:{free_port()}/"),)))
    await check.run()
    assert "refused" in str(check.finding)


async def test_threshold() -> None:
    """A check counts as failing after so many failures in a row, and as passing after one success."""
    outcomes = [True, True, False, True, True, True, True, False]
    fails = iter(outcomes)

    async def probe() -> None:
        if next(fails):
            raise OSError("down")

    check = Check("check", probe, interval=10, threshold=3, blocking=True)
    findings = []
    for _ in outcomes:
        await check.run()
        findings.append(check.finding)
    assert findings == [None, None, None, None, None, "down", "down", None]


async def test_watching(tmp_path: Path) -> None:
    """Checks run each interval; what they find is on the board, blocking or not, and goes from it."""
    board, file, degraded = HealthBoard(), tmp_path / "down", True

    async def probe() -> None:
        if degraded:
            raise OSError

    checks = [
        *list_checks(HealthSettings(file=(FileCheck(str(file), interval=0.01),))),
        Check("storage", probe, interval=0.01, threshold=1, blocking=False),
    ]
    watching = asyncio.ensure_future(watch_health(checks, board, configure_logs(LogSettings(level="error"))))
    await eventually(lambda: board.read() == Findings({}, {"storage": "OSError"}), what="storage failing")
    assert not board.blocked
    file.touch()
    await eventually(lambda: board.blocked, what="the file found")
    assert board.read().blocking == {str(file): "file exists"}
    file.unlink()
    degraded = False
    await eventually(lambda: board.read() == Findings({}, {}), what="all well")
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


def test_the_first_run_waits_an_interval() -> None:
    """Configured checks run first after one interval, as in distribution; each kind is listed under its own name."""
    settings = HealthSettings(
        file=(FileCheck("/down", 7),), http=(HttpCheck("http://x/", interval=8),), tcp=(TcpCheck("x:1", interval=9),)
    )
    before = Check("now", None, 0, 0, blocking=False).due  # type: ignore[arg-type]
    checks = list_checks(settings)
    assert [check.name for check in checks] == ["/down", "http://x/", "x:1"]
    assert [round(check.due - before) for check in checks] == [7, 8, 9]
