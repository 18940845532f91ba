# SPDX-License-Identifier: Apache-2.0
"""The lines of the audit: gathered by whoever does something, and written by a thread that may be held up, since they
come with every push and every refusal, and whoever reads the log may stall.
"""

from collections import deque
from collections.abc import Mapping

from entrepot.telemetry.logs import Logger

MOST = 10_000
"""Lines that wait to be written at most; the oldest are dropped, and the log says how many."""


class AuditLog:
    """Of one process. Any thread may add, one flushes."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._lines: deque[Mapping[str, object]] = deque(maxlen=MOST)
        self._added = 0  # by several threads without a lock: as a count of what was dropped it need not be exact
        self._taken = 0

    def add(self, fields: Mapping[str, object]) -> None:
        """One line; fields that say nothing are left out."""
        self._lines.append({name: value for name, value in fields.items() if value})
        self._added += 1

    def flush(self) -> None:
        """Write what was gathered, each as a line ``audit`` at level info."""
        while self._lines:
            self._log.info("audit", **self._lines.popleft())
            self._taken += 1
        dropped = self._added - self._taken
        if dropped > 0:
            self._taken += dropped
            self._log.warning("lines of the audit were dropped, for nobody read them", dropped=dropped)
