# SPDX-License-Identifier: Apache-2.0
"""The health checks of the configuration (compat.md 1.2, 6.1), run in one process; findings go to the board."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from entrepot.telemetry.health import Findings, HealthBoard
from entrepot.telemetry.logs import Logger
from entrepot.telemetry.settings import FileCheck, HealthSettings, HttpCheck, TcpCheck

DEFAULT_TIMEOUT = 10.0
"""Seconds, where a check names none."""

Probe = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Check:
    """A probe and what it found. ``threshold``: failures in a row before it counts."""

    name: str
    probe: Probe
    interval: float
    threshold: int
    blocking: bool
    failures: int = 0
    finding: str | None = None
    due: float = field(default_factory=time.monotonic)

    async def run(self) -> None:
        """Probe once. A probe says by an exception what is wrong."""
        try:
            async with asyncio.timeout(DEFAULT_TIMEOUT * 2):
                await self.probe()
        except Exception as error:  # noqa: BLE001 - whatever a probe raises is its finding
            self.failures += 1
            if self.failures >= max(1, self.threshold):
                self.finding = str(error) or type(error).__name__
        else:
            self.failures, self.finding = 0, None


def list_checks(settings: HealthSettings) -> list[Check]:
    """The configured checks of files, URIs and addresses. Their first run is after one interval, as in distribution."""
    checks = [Check(c.file, _file_probe(c), c.interval, 0, blocking=True) for c in settings.file]
    checks += [Check(c.uri, _http_probe(c), c.interval, c.threshold, blocking=True) for c in settings.http]
    checks += [Check(c.addr, _tcp_probe(c), c.interval, c.threshold, blocking=True) for c in settings.tcp]
    for check in checks:
        check.due += check.interval
    return checks


async def watch_health(checks: list[Check], board: HealthBoard, log: Logger) -> None:
    """Run each check when it is due, until cancelled."""
    while True:
        now = time.monotonic()
        due = [check for check in checks if check.due <= now]
        for check in due:
            check.due = now + check.interval
        await asyncio.gather(*(_run_logged(check, log) for check in due))
        if due:
            board.post(_findings(checks))
        await asyncio.sleep(max(0.05, min((check.due for check in checks), default=now + 60) - time.monotonic()))


async def _run_logged(check: Check, log: Logger) -> None:
    before = check.finding
    await check.run()
    if check.finding is not None and before is None:
        log.error("health check failed", check=check.name, finding=check.finding)
    if check.finding is None and before is not None:
        log.info("health check passes again", check=check.name)


def _findings(checks: list[Check]) -> Findings:
    failing = [(check.blocking, check.name, check.finding) for check in checks if check.finding is not None]
    return Findings(
        {name: finding for blocking, name, finding in failing if blocking},
        {name: finding for blocking, name, finding in failing if not blocking},
    )


def _file_probe(check: FileCheck) -> Probe:
    async def probe() -> None:
        if Path(check.file).exists():
            raise OSError("file exists")

    return probe


def _http_probe(check: HttpCheck) -> Probe:
    def head() -> int:
        headers = {name: ", ".join(values) for name, values in check.headers.items()}
        request = urllib.request.Request(check.uri, method="HEAD", headers=headers)  # noqa: S310 - the operator's URI
        try:
            with urllib.request.urlopen(request, timeout=check.timeout or DEFAULT_TIMEOUT) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    async def probe() -> None:
        status = await asyncio.to_thread(head)
        if status != check.statuscode:
            raise OSError(f"answered {status}, not {check.statuscode}")

    return probe


def _tcp_probe(check: TcpCheck) -> Probe:
    async def probe() -> None:
        host, _, port = check.addr.rpartition(":")
        async with asyncio.timeout(check.timeout or DEFAULT_TIMEOUT):
            _, writer = await asyncio.open_connection(host.strip("[]") or "localhost", int(port))
        writer.close()

    return probe
