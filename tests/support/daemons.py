# SPDX-License-Identifier: Apache-2.0
"""A long-running program as a real process group: started, watched, ended, its output kept."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_shown: list[Daemon] = []


class Died(AssertionError):
    """The program ended before it was ready; `output` is all it said."""

    def __init__(self, name: str, status: int | None, output: str) -> None:
        super().__init__(f"{name} ended with {status} before it was ready; its output:\n{output}")
        self.status = status
        self.output = output


class Daemon:
    """One program, leader of a process group of its own, writing standard output and errors to one file."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log_path = log
        self._process: subprocess.Popen[bytes] | None = None
        self._seen = 0

    def start(self, argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path | None = None) -> None:
        """Start the program; its output is appended to the log."""
        assert not self.running, f"{self.name} runs already"
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        if self not in _shown:
            _shown.append(self)

    @property
    def pid(self) -> int:
        """The pid of the program, which is also its process group."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the program itself is alive."""
        return self._process is not None and self._process.poll() is None

    def await_ready(self, ready: Callable[[], bool], *, seconds: float = 30) -> None:
        """Wait until it is ready; if it ends or stays silent, end it and raise with its output."""

        def ready_or_dead() -> bool:
            return not self.running or ready()

        try:
            until(ready_or_dead, what=f"{self.name} is ready", seconds=seconds)
        except TimeoutError as late:
            self.kill()
            raise Died(self.name, None, self.log()) from late
        if not self.running:
            raise Died(self.name, self.wait(), self.log())

    def wait(self, seconds: float = 30) -> int:
        """Wait for its end and return its status (negative: the signal that ended it)."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.wait(seconds)

    def stop(self, seconds: float = 30) -> int:
        """Ask the program to end (SIGTERM), insist (SIGKILL), and end what is left of its group."""
        assert self._process is not None, f"{self.name} was never started"
        if self.running:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        return self.kill()

    def kill(self) -> int:
        """End the whole group at once, with no chance to clean up, and wait until nobody of it is left."""
        assert self._process is not None, f"{self.name} was never started"
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        status = self._process.wait(10)
        until(lambda: not self.group(), what=f"the process group of {self.name} is gone", seconds=10)
        return status

    def group(self) -> list[int]:
        """Pids of the living members of the program's process group."""
        return [pid for pid, (state, group) in _processes().items() if group == self.pid and state not in "ZX"]

    def log(self) -> str:
        """All it has said until now."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def said(self) -> str:
        """What it has said since the test began."""
        return self.log()[self._seen :]

    def begin_test(self) -> None:
        """What it said until now belongs to tests that are over."""
        self._seen = len(self.log())


def _processes() -> dict[int, tuple[str, int]]:
    """State and process group of every process that can be seen."""
    found: dict[int, tuple[str, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # pid (name) state ppid pgrp ...; the name may hold blanks and brackets
                state, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                found[int(entry.name)] = (state, int(group))
    return found


def involved() -> list[Daemon]:
    """The programs that said something since `begin_test`: their words help to understand a failure."""
    return [daemon for daemon in _shown if daemon.said()]


def begin_test() -> None:
    """Forget the programs that have ended, and what the others said until now."""
    _shown[:] = [daemon for daemon in _shown if daemon.running]
    for daemon in _shown:
        daemon.begin_test()


@atexit.register
def _leave_nobody() -> None:
    for daemon in _shown:
        if daemon.running:
            daemon.kill()
