# SPDX-License-Identifier: Apache-2.0
"""Await a condition instead of sleeping for a guess."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def until(condition: Callable[[], T], *, what: str, seconds: float = 20.0, every: float = 0.02) -> T:
    """The first true value of `condition`; when none comes in time, an error that says what was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(every)
