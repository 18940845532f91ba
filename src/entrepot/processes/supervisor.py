# SPDX-License-Identifier: Apache-2.0
"""The supervisor: forks children, starts those anew that die, ends all of them, and is outlived by none.

It has one thread and does nothing but wait for signals, since it forks: a fork of a process with threads may inherit
locks that nobody will release. Children share its memory until they write, which is what keeps several of them small.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from entrepot.telemetry.logs import Logger

_STOPPING = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP}
_SIGNALS = {signal.SIGCHLD, *_STOPPING}
_PR_SET_PDEATHSIG = 1

QUICK = 2.0
"""Seconds: a child that lived less has failed to start."""

FAILURES = 5
"""Quick failures in a row after which the server gives up, unless the child has once stood: then it may stand again,
when whatever it needs (a disk) is back."""

ACCEPTING = 0.3
"""Seconds in which workers stop to accept, before the socket refuses. A worker that accepts on a socket that was shut
down does not end before it is killed (seen with Granian)."""

OTHERS = 5.0
"""Seconds that jobs get to end."""

LONGEST = 5.0
"""Seconds between two tries at most."""


@dataclass(slots=True)
class Child:
    """A process to keep running. ``main`` runs in the fork; it returns to end well.

    ``first``: ended before the others (workers), so that what serves them goes last.
    """

    name: str
    main: Callable[[], None]
    first: bool = True
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    stood: bool = False
    due: float = field(default=0.0)


class Supervisor:
    """Runs ``children`` until SIGTERM, SIGINT, SIGQUIT or SIGHUP (a terminal that closes).

    ``drain``: seconds that open requests get. ``refuse``: called when stopping begins, so that nobody connects to a
    server that accepts no more.
    """

    def __init__(self, children: Sequence[Child], drain: float, refuse: Callable[[], None], log: Logger) -> None:
        self._children = children
        self._drain = drain
        self._refuse = refuse
        self._log = log

    def run(self) -> int:
        """Blocks; returns the exit status: 0 after a signal, 1 where children do not stay up."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        for child in self._children:
            self._start(child)
        while True:
            received = signal.sigtimedwait(_SIGNALS, 0.5)
            if received is not None and received.si_signo != signal.SIGCHLD:
                name = signal.Signals(received.si_signo).name
                hint = "a second signal cuts open requests"
                self._log.info("stopping", signal=name, drain=self._drain, hint=hint)
                self._stop()
                return 0
            self._reap()
            if any(child.failures >= FAILURES and not child.stood for child in self._children):
                self._log.error("a process does not stay up; see the lines above")
                self._stop()
                return 1
            self._start_due()

    def _start(self, child: Child) -> None:
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _become_child(child, parent)
        child.pid, child.started, child.due = pid, time.monotonic(), 0.0

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.pid == 0 and now >= child.due:
                self._start(child)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children:
                if child.pid == pid:
                    self._bury(child, status)

    def _bury(self, child: Child, status: int) -> None:
        lived = time.monotonic() - child.started
        child.stood = child.stood or lived >= QUICK
        child.failures = child.failures + 1 if lived < QUICK else 0
        delay = 0.0 if child.failures == 0 else min(0.2 * 2**child.failures, LONGEST)
        child.pid, child.due = 0, time.monotonic() + delay
        code = os.waitstatus_to_exitcode(status)
        self._log.error("a process died and is started again", process=child.name, code=code, lived=round(lived, 1))

    def _stop(self) -> None:
        for first, seconds in ((True, self._drain), (False, OTHERS)):
            children = [child for child in self._children if child.pid and child.first is first]
            for child in children:
                _kill(child.pid, signal.SIGTERM)
            patient = self._wait(children, ACCEPTING)
            if first:
                self._refuse()
            if patient:
                self._wait(children, seconds)
            self._cut(children)

    def _wait(self, children: Sequence[Child], seconds: float) -> bool:
        """Until all of them ended, time is up, or a second signal comes: then it is False."""
        deadline = time.monotonic() + seconds
        while any(child.pid for child in children) and time.monotonic() < deadline:
            received = signal.sigtimedwait(_SIGNALS, 0.05)
            self._collect(children)
            if received is not None and received.si_signo in _STOPPING:
                return False
        return True

    def _cut(self, children: Sequence[Child]) -> None:
        for child in children:
            if child.pid:
                self._log.warning("open requests were cut; uploads can go on where they were", process=child.name)
                _kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)
                child.pid = 0

    def _collect(self, children: Sequence[Child]) -> None:
        for child in children:
            if child.pid and os.waitpid(child.pid, os.WNOHANG)[0]:
                child.pid = 0


def die_with_parent(parent: int) -> None:
    """Be killed when ``parent`` dies; at once if it has died already."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _become_child(child: Child, parent: int) -> None:
    status = 1
    try:
        die_with_parent(parent)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        child.main()
        status = 0
    except KeyboardInterrupt:
        status = 0
    except BaseException:  # noqa: BLE001 - a fork must never return into the supervisor's code
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
