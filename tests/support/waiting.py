# SPDX-License-Identifier: Apache-2.0
"""Await a condition instead of sleeping for a guess."""

from __future__ import annotations

import asyncio
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


async def eventually(condition: Callable[[], object], *, what: str, seconds: float = 20.0) -> None:
    """The same for a condition that other tasks of this loop bring about."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - any condition, not only those that an event stands for
                await asyncio.sleep(0.005)
    except TimeoutError as late:
        raise TimeoutError(f"not within {seconds:g} s: {what}") from late
