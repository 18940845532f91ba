# SPDX-License-Identifier: Apache-2.0
"""How much of large answers one process holds for clients that are slow to read them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from entrepot.oci.errors import Unavailable
from entrepot.web.exchange import SMALL

AT_ONCE = 64 * 1024 * 1024
"""Bytes of answers over 64 KiB that are under way at once."""

WAIT_SECONDS = 10.0
"""How long others wait before 503."""


class Outgoing:
    """The large answers under way in this process. To be used on its loop alone."""

    def __init__(self) -> None:
        self._free = AT_ONCE
        self._freed = asyncio.Event()

    def fits(self, size: int) -> bool:
        """Whether an answer of ``size`` bytes need not wait; small ones never do."""
        return size <= SMALL or min(size, AT_ONCE) <= self._free

    @asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Inside, an answer of ``size`` bytes may be held. Waits where there are many, and holds nothing meanwhile.

        Raises ``Unavailable`` after :data:`WAIT_SECONDS`.
        """
        counted = 0 if size <= SMALL else min(size, AT_ONCE)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not self.fits(size):
                    await self._freed.wait()
                self._free -= counted
        except TimeoutError:
            raise too_many() from None
        try:
            yield
        finally:
            self._free += counted
            self._freed.set()
            self._freed = asyncio.Event()


def too_many() -> Unavailable:
    """What those get who have waited, or cannot."""
    return Unavailable("many large answers are being read at once; try again")
