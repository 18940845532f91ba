# SPDX-License-Identifier: Apache-2.0
"""Runs what is slow by design in threads, few at once, and who is least suspect first."""

import asyncio
import heapq
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import TypeVar

Found = TypeVar("Found")

AT_ONCE = 2
"""Passwords that one worker hashes at once."""


class Hashing:
    """Threads of one worker. Not to be used by several threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, "hashing")
        self._free = AT_ONCE
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    async def run(self, job: Callable[[], Found], suspicion: float) -> Found:
        """What ``job`` gives; a lower ``suspicion`` goes first."""
        await self._take(suspicion)
        try:
            # Not to be cancelled: the thread goes on hashing, and the next must not start beside it.
            return await asyncio.get_running_loop().run_in_executor(self._threads, job)
        finally:
            self._give()

    async def _take(self, suspicion: float) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (suspicion, next(self._numbers), turn))
        await turn

    def _give(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():  # one whose loop ends is cancelled
                turn.set_result(None)
                return
        self._free += 1
