# SPDX-License-Identifier: Apache-2.0
"""Files that change are read again; what breaks them changes nothing."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.testing import capture_logs

from entrepot.auth.watched import EVERY, FileBroken, Watched

if TYPE_CHECKING:
    from pathlib import Path


class Bench:
    """A watched file, a clock that is set by hand, and a count of readings."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 0.0
        self.readings = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.watched = Watched([path], self._read, "nothing", structlog.get_logger(), lambda: self.now)

    def _read(self, _before: str | None) -> str:
        self.readings += 1
        self.go_on.wait(20)
        text = self.path.read_text()
        if text == "broken":
            raise FileBroken("it is broken; mend it")
        return text


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A file that holds ``one``, read and looked at some time ago."""
    path = tmp_path / "file"
    path.write_text("one")
    bench = Bench(path)
    bench.now += EVERY
    return bench


async def test_read_when_changed(bench: Bench) -> None:
    """It is looked at twice a second at most, and read only when it has changed."""
    assert bench.watched.content == "one"
    assert bench.watched.is_fresh()
    assert await bench.watched.refresh() == "one"
    bench.path.write_text("three")
    assert await bench.watched.refresh() == "one"
    bench.now += EVERY
    assert not bench.watched.is_fresh()
    assert await bench.watched.refresh() == "three"
    bench.now += EVERY
    assert bench.watched.is_fresh()
    assert await bench.watched.refresh() == "three"
    assert bench.readings == 2


@pytest.mark.parametrize("how", ["broken", "gone", "a directory"])
async def test_what_breaks_changes_nothing(bench: Bench, how: str) -> None:
    """A file that breaks keeps the content, is told once, and is read when it is whole again."""
    await bench.watched.refresh()
    if how == "broken":
        bench.path.write_text("broken")
    else:
        bench.path.unlink()
    if how == "a directory":
        bench.path.mkdir()
    with capture_logs() as logs:
        for _ in range(3):
            bench.now += EVERY
            assert await bench.watched.refresh() == "one"
    (line,) = logs
    assert line["log_level"] == "error"
    assert str(bench.path) in line["paths"]
    if how == "a directory":
        bench.path.rmdir()
    bench.path.write_text("whole")
    bench.now += EVERY
    assert await bench.watched.refresh() == "whole"


def test_broken_from_the_start(tmp_path: Path) -> None:
    """Before anything was read the content is what lets nobody in."""
    path = tmp_path / "file"
    path.write_text("broken")
    with capture_logs() as logs:
        assert Bench(path).watched.content == "nothing"
    assert "nobody" in logs[0]["event"]


async def test_one_reading_for_all(bench: Bench) -> None:
    """All who ask while it is read wait for one reading, and one who goes takes it from nobody."""
    bench.path.write_text("three")
    bench.go_on.clear()
    asking = [asyncio.create_task(bench.watched.refresh()) for _ in range(5)]
    await asyncio.sleep(0.01)
    asking[0].cancel()
    bench.go_on.set()
    assert await asyncio.gather(*asking[1:]) == ["three"] * 4
    assert bench.readings == 2


async def test_replaced_by_another_file(bench: Bench) -> None:
    """A file moved into its place is seen even where size and times are the same."""
    await bench.watched.refresh()
    other = bench.path.with_name("other")
    other.write_text("two")
    times = bench.path.stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(bench.path)
    bench.now += EVERY
    assert await bench.watched.refresh() == "two"
