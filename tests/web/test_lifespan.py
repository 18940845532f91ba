# SPDX-License-Identifier: Apache-2.0
"""What a worker does beside answering goes on whatever fails, and holds nothing up."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

from entrepot.telemetry.logs import AccessLog
from entrepot.telemetry.metrics import RequestMetrics
from entrepot.web.lifespan import flush_lines, snapshot_metrics
from support.waiting import until


@contextlib.asynccontextmanager
async def running(task: Awaitable[None]) -> AsyncIterator[None]:
    """The task runs inside, and ends as a worker's tasks do."""
    future = asyncio.ensure_future(task)
    await asyncio.sleep(0)
    yield
    assert not future.done()
    future.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await future


async def written(path: Path) -> str:
    """The text of a file as soon as there is one."""
    await asyncio.to_thread(until, lambda: path.is_file() and path.read_text(), what=f"text in {path.name}")
    return path.read_text()


async def test_snapshots_go_on_where_one_failed(tmp_path: Path) -> None:
    """While the directory is missing nothing is written; once it is there, the counts are."""
    directory = tmp_path / "later"
    metrics = RequestMetrics()
    async with running(snapshot_metrics(metrics, directory)):
        await asyncio.sleep(1.5)
        directory.mkdir()
        assert "in_flight" in await written(directory / f"{os.getpid()}.json")


async def test_the_access_log_goes_on_where_a_write_failed(tmp_path: Path) -> None:
    """Lines are written again once that is possible, and what is left at the end is written then."""
    path = tmp_path / "access"
    descriptor = os.open("/dev/full", os.O_WRONLY)
    access = AccessLog(descriptor)
    async with running(flush_lines(access)):
        access.add("::1", "GET /lost HTTP/1.1", 200, 0, "", "")
        await asyncio.sleep(0.5)
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
        access.add("::1", "GET /kept HTTP/1.1", 200, 0, "", "")
        assert "/kept" in await written(path)
        access.add("::1", "GET /last HTTP/1.1", 200, 0, "", "")
    assert [line.split(" ")[6] for line in path.read_text().splitlines()] == ["/kept", "/last"]
    os.close(descriptor)


async def test_a_reader_that_stalls_holds_nothing_up() -> None:
    """With a pipe that is full and open the loop runs on, the worker ends after a bounded wait, and no line is lost."""
    reading, writing = os.pipe()
    access = AccessLog(writing)
    for number in range(2000):
        access.add("::1", f"GET /{number} HTTP/1.1", 200, 0, "", "a" * 100)
    async with asyncio.timeout(10), running(flush_lines(access)):
        await asyncio.sleep(0.5)
    with open(reading, "rb") as out:
        lines = [out.readline() for _ in range(2000)]
    assert all(f"GET /{number} ".encode() in line for number, line in enumerate(lines))
    os.close(writing)
