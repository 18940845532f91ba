# SPDX-License-Identifier: Apache-2.0
"""A child process: forked, watched, started anew; it never outlives its parent."""

import contextlib
import ctypes
import mmap
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

STOPPING = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP}
SIGNALS = {signal.SIGCHLD, *STOPPING}
_PR_SET_PDEATHSIG = 1

QUICK = 2.0
"""Seconds: a child that lived less has failed to start."""

LONGEST = 5.0
"""Seconds between two tries at most."""


class Flag:
    """One bit that parent and child share: the child raises it when it is ready for work."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)

    def raise_up(self) -> None:
        """Ready."""
        self._page[0] = 1

    def lower(self) -> None:
        """Not, or not any more."""
        self._page[0] = 0

    @property
    def up(self) -> bool:
        """Whether it was raised."""
        return self._page[0] == 1


@dataclass(slots=True)
class Child:
    """A process to keep running. ``main`` runs in the fork; it returns to end well.

    ``first``: ended before the others (workers), so that what serves them goes last. ``ready`` is raised by ``main``
    when it has begun its work.
    """

    name: str
    main: Callable[[], None]
    first: bool = True
    ready: Flag = field(default_factory=Flag)
    pid: int = 0
    started: float = 0.0
    failures: int = 0
    stood: bool = False
    due: float = field(default=0.0)

    def start(self) -> None:
        """Fork."""
        parent = os.getpid()
        self.ready.lower()
        _flush()
        pid = os.fork()
        if pid == 0:
            _become(self.main, parent)
        self.pid, self.started, self.due = pid, time.monotonic(), 0.0

    def bury(self) -> float:
        """It has died: note when it is due again; gives the seconds that it lived."""
        lived = time.monotonic() - self.started
        self.stood = self.stood or lived >= QUICK
        self.failures = self.failures + 1 if lived < QUICK else 0
        delay = 0.0 if self.failures == 0 else min(0.2 * 2**self.failures, LONGEST)
        self.pid, self.due = 0, time.monotonic() + delay
        return lived

    def signal(self, number: int) -> None:
        """Where it lives."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def run_apart(work: Callable[[], None], seconds: float | None = None) -> bool:
    """Run ``work`` in a fork, because it uses threads or may hang, and wait: whether it ended well within the time."""
    parent = os.getpid()
    _flush()
    pid = os.fork()
    if pid == 0:
        _become(work, parent)
    descriptor = os.pidfd_open(pid)
    try:
        if not select.select([descriptor], [], [], seconds)[0]:
            os.kill(pid, signal.SIGKILL)
    finally:
        os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def die_with_parent(parent: int) -> None:
    """Be killed when ``parent`` dies; at once if it has died already."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _become(main: Callable[[], None], parent: int) -> None:
    status = 1
    try:
        die_with_parent(parent)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        main()
        status = 0
    except KeyboardInterrupt:
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - a fork must never return into its parent's code
        sys.excepthook(*sys.exc_info())
    finally:
        _flush()
        os._exit(status)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
