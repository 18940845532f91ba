# SPDX-License-Identifier: Apache-2.0
"""What a tree of processes has cost: CPU seconds and memory, read from /proc.

Memory is PSS (a page shared by n processes counts 1/n in each), so that the sum over workers which share their
libraries is what they really take; the page cache of files that they read and write is in no one's figure.
"""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_TICK = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True)
class Stat:
    """One line of /proc/<pid>/stat, as far as it is needed here."""

    parent: int
    cpu_seconds: float
    started: int


def read_stat(pid: int) -> Stat | None:
    """Read parent and CPU time of a process (with its children that were waited for), or None when it is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold blanks and parentheses itself: fields are counted from the last one.
    fields = text[text.rindex(")") + 2 :].split()
    ticks = sum(int(field) for field in fields[11:15])
    return Stat(parent=int(fields[1]), cpu_seconds=ticks / _TICK, started=int(fields[19]))


def tree(root: int) -> dict[int, Stat]:
    """Every process that descends from `root`, itself included, parents before children."""
    stats: dict[int, Stat] = {}
    children: dict[int, list[int]] = {}
    for entry in os.listdir(_PROC):
        if entry.isdecimal() and (stat := read_stat(int(entry))) is not None:
            stats[int(entry)] = stat
            children.setdefault(stat.parent, []).append(int(entry))
    found: dict[int, Stat] = {}
    waiting = [root] if root in stats else []
    while waiting:
        pid = waiting.pop(0)
        found[pid] = stats[pid]
        waiting.extend(children.get(pid, ()))
    return found


def lives(pid: int, stat: Stat) -> bool:
    """Tell whether the process seen before still lives, and its id was not given to another."""
    now = read_stat(pid)
    return now is not None and now.started == stat.started


def cpu_seconds(root: int) -> float:
    """CPU seconds, user and system, that the tree under `root` has used so far."""
    return sum(stat.cpu_seconds for stat in tree(root).values())


def pss_bytes(root: int) -> int:
    """Proportional set size of the tree under `root`, in bytes."""
    total = 0
    for pid in tree(root):
        try:
            rollup = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


@dataclass(frozen=True)
class Usage:
    """What a tree cost during one stretch of work."""

    cpu_seconds: float
    peak_bytes: int


class Meter:
    """Measures a tree from entering to leaving; its memory is sampled by a thread, a few times a second."""

    def __init__(self, root: int, interval: float = 0.5) -> None:
        self._root = root
        self._interval = interval
        self._cpu_before = 0.0
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="bench-meter", daemon=True)
        self.usage = Usage(0.0, 0)

    def __enter__(self) -> Self:
        self._cpu_before = cpu_seconds(self._root)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        used = cpu_seconds(self._root) - self._cpu_before
        self._done.set()
        self._thread.join()
        self._peak = max(self._peak, pss_bytes(self._root))
        self.usage = Usage(used, self._peak)

    def _sample(self) -> None:
        while True:
            self._peak = max(self._peak, pss_bytes(self._root))
            if self._done.wait(self._interval):
                return


def settled_pss(root: int, *, pause: float, samples: int) -> int:
    """Memory of a tree at rest: the middle one of several samples taken after a pause."""
    time.sleep(pause)
    seen = []
    for _ in range(samples):
        seen.append(pss_bytes(root))
        time.sleep(0.2)
    return sorted(seen)[len(seen) // 2]
