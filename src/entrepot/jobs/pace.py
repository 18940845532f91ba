# SPDX-License-Identifier: Apache-2.0
"""The pace of work that nobody waits for: requests must not suffer from it."""

import asyncio
import time

SLICE_SECONDS = 0.004
"""Work before a rest."""


class Pace:
    """Rests after each slice of work, ``times`` as long as the slice took: 4 leaves a fifth of one core, 1 a half."""

    def __init__(self, times: float) -> None:
        self._times = times
        self._since = time.monotonic()

    async def rest(self) -> None:
        """Call after each small step; sleeps where it is time to."""
        worked = time.monotonic() - self._since
        if worked >= SLICE_SECONDS:
            await asyncio.sleep(worked * self._times)
            self._since = time.monotonic()
