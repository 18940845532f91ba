# SPDX-License-Identifier: Apache-2.0
"""Whether the clock can be trusted by work that removes what is old."""

import time
from dataclasses import dataclass

STEADY = 300.0
"""Seconds by which the clock may differ from the time that really passed. Beyond, it was set, and nothing is
removed until the next round: a clock a year ahead would end every grace at once."""


@dataclass(slots=True)
class Clock:
    """Notices that the clock was set."""

    wall: float
    monotonic: float

    @classmethod
    def start(cls) -> "Clock":
        """From now on."""
        return cls(time.time(), time.monotonic())

    def steady(self) -> bool:
        """Whether it was not set since the last call."""
        wall, monotonic = time.time(), time.monotonic()
        drift = abs((wall - self.wall) - (monotonic - self.monotonic))
        self.wall, self.monotonic = wall, monotonic
        return drift < STEADY
