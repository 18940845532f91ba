# SPDX-License-Identifier: Apache-2.0
"""The supervisor: forks children, starts those anew that die, ends all of them, and is outlived by none.

It has one thread and does nothing but wait for signals, since it forks: a fork of a process with threads may inherit
locks that nobody will release. Children share its memory until they write, which is what keeps several of them small.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence

from entrepot.processes.children import SIGNALS, STOPPING, Child
from entrepot.processes.generations import Renew, Succession
from entrepot.telemetry.logs import Logger

FAILURES = 5
"""Quick failures in a row after which the server gives up, unless the child has once stood: then it may stand again,
when whatever it needs (a disk) is back."""

ACCEPTING = 0.3
"""Seconds in which workers stop to accept, before the socket refuses. A worker that accepts on a socket that was shut
down does not end before it is killed (seen with Granian)."""

OTHERS = 5.0
"""Seconds that jobs get to end."""

IDLE, BUSY = 0.5, 0.05
"""Seconds between two looks at what is due."""


class Supervisor:
    """Runs ``children`` until SIGTERM, SIGINT, SIGQUIT or SIGHUP (a terminal that closes).

    ``drain``: seconds that open requests get. ``refuse``: called when stopping begins, so that nobody connects to a
    server that accepts no more. ``renew``: see :mod:`entrepot.processes.generations`; children that end first are the
    first generation.
    """

    def __init__(
        self,
        children: Sequence[Child],
        drain: float,
        refuse: Callable[[], None],
        log: Logger,
        renew: Renew = lambda: None,
    ) -> None:
        self._succession = Succession([child for child in children if child.first], renew, log)
        self._others = [child for child in children if not child.first]
        self._drain = drain
        self._refuse = refuse
        self._log = log

    def run(self) -> int:
        """Blocks; returns the exit status: 0 after a signal, 1 where children do not stay up."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        for child in self._kept():
            child.start()
        while True:
            received = signal.sigtimedwait(SIGNALS, BUSY if self._succession.busy else IDLE)
            if received is not None and received.si_signo != signal.SIGCHLD:
                name = signal.Signals(received.si_signo).name
                hint = "a second signal cuts open requests"
                self._log.info("stopping", signal=name, drain=self._drain, hint=hint)
                self._stop()
                return 0
            self._reap()
            if any(child.failures >= FAILURES and not child.stood for child in self._kept()):
                self._log.error("a process does not stay up; see the lines above")
                self._stop()
                return 1
            self._start_due()
            self._succession.proceed()

    def _kept(self) -> Iterator[Child]:
        """Who is started again."""
        yield from self._succession.serving.children
        yield from self._others

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._kept():
            if child.pid == 0 and now >= child.due:
                child.start()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._succession.bury(pid):
                continue
            for child in self._kept():
                if child.pid == pid:
                    lived, code = round(child.bury(), 1), os.waitstatus_to_exitcode(status)
                    again = "a process died and is started again"
                    self._log.error(again, process=child.name, code=code, lived=lived)

    def _stop(self) -> None:
        workers = [child for child in self._succession.everyone() if child.pid]
        for children, seconds in ((workers, self._drain), (self._others, OTHERS)):
            for child in children:
                child.signal(signal.SIGTERM)
            patient = self._wait(children, ACCEPTING)
            if children is workers:
                self._refuse()
            if patient:
                self._wait(children, seconds)
            self._cut(children)

    def _wait(self, children: Sequence[Child], seconds: float) -> bool:
        """Until all of them ended, time is up, or a second signal comes: then it is False."""
        deadline = time.monotonic() + seconds
        while any(child.pid for child in children) and time.monotonic() < deadline:
            received = signal.sigtimedwait(SIGNALS, 0.05)
            self._collect(children)
            if received is not None and received.si_signo in STOPPING:
                return False
        return True

    def _cut(self, children: Sequence[Child]) -> None:
        for child in children:
            if child.pid:
                self._log.warning("open requests were cut; uploads can go on where they were", process=child.name)
                child.signal(signal.SIGKILL)
                os.waitpid(child.pid, 0)
                child.pid = 0

    def _collect(self, children: Sequence[Child]) -> None:
        for child in children:
            if child.pid and os.waitpid(child.pid, os.WNOHANG)[0]:
                child.pid = 0
