# SPDX-License-Identifier: Apache-2.0
"""The pace of work that nobody waits for: requests must not suffer from it."""

import asyncio
import time

WORK_SECONDS = 0.004
PAUSE_SECONDS = 0.016
"""A fifth of one core, and the disk free in between."""


class Pace:
    """Rests after each slice of work."""

    def __init__(self, work: float = WORK_SECONDS, pause: float = PAUSE_SECONDS) -> None:
        self._work = work
        self._pause = pause
        self._since = time.monotonic()

    async def rest(self) -> None:
        """Call after each small step; sleeps where it is time to."""
        if time.monotonic() - self._since >= self._work:
            await asyncio.sleep(self._pause)
            self._since = time.monotonic()
