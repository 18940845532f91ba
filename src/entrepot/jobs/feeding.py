# SPDX-License-Identifier: Apache-2.0
"""Keeps the feed of events: gives positions, tells who waits for them, and drops what is old or too much.

At most :attr:`Bounds.events` are kept, told or not. What every endpoint was told goes after :attr:`Bounds.seconds`,
too; what was not told does not go by age, so that a clock that jumps loses nothing.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from entrepot.index.changes import ROWS
from entrepot.index.outbox import Outbox
from entrepot.jobs.pace import Pace
from entrepot.jobs.settings import Endpoint
from entrepot.oci.errors import RegistryError
from entrepot.telemetry.events import EndpointCounts
from entrepot.telemetry.logs import Logger

POLL_SECONDS = 0.2
"""Between two looks for events without a position: microseconds each."""

TRIM_SECONDS = 10.0
SAVE_SECONDS = 0.25
"""Between two times that it is remembered how far endpoints were told; a crash in between tells them again."""

LOUD_SECONDS = 60.0
"""Between two lines of the log about events dropped for one endpoint."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many events are kept, and for how long those that everybody was told."""

    events: int = 100_000
    seconds: float = 7 * 24 * 3600.0


@dataclass(slots=True)
class Progress:
    """How far one endpoint was told; shared by who tells it and who drops what it was not told in time."""

    endpoint: Endpoint
    position: int
    saved: int
    counts: EndpointCounts
    unsaid: int = 0
    said_at: float = field(default=-LOUD_SECONDS)

    def skip(self, first: int, until: int) -> None:
        """Events from the position ``first`` up to ``until`` are gone."""
        if until > self.position:
            lost = until - max(self.position, first - 1)
            self.unsaid += lost
            self.counts.dropped += lost
            self.position = until

    def say_dropped(self, most: int, log: Logger) -> None:
        """A loud line, now and then, as long as events are dropped."""
        if self.unsaid and time.monotonic() - self.said_at >= LOUD_SECONDS:
            log.error(
                "an endpoint does not take its events: the oldest were dropped for it and are lost to it",
                endpoint=self.endpoint.name,
                dropped=self.unsaid,
                kept=most,
            )
            self.unsaid, self.said_at = 0, time.monotonic()


class News:
    """The newest position, and waiting for a newer one."""

    def __init__(self, newest: int) -> None:
        self.newest = newest
        self._changed = asyncio.Event()

    def announce(self, newest: int) -> None:
        """There are events up to this position."""
        if newest != self.newest:
            self.newest = newest
            self._changed.set()
            self._changed = asyncio.Event()

    async def beyond(self, position: int) -> None:
        """Wait until there is an event behind this position."""
        while self.newest <= position:
            await self._changed.wait()


class FeedKeeper:
    """The one who keeps the feed of a registry; of all its processes only one runs it."""

    def __init__(self, outbox: Outbox, endpoints: Sequence[Progress], news: News, bounds: Bounds, log: Logger) -> None:
        self._outbox = outbox
        self._endpoints = endpoints
        self._news = news
        self._bounds = bounds
        self._log = log

    async def place_forever(self) -> None:
        """Give positions, until cancelled."""
        while True:
            try:
                await self.place()
            except (RegistryError, OSError) as error:
                self._log.warning("the feed of events could not be written; trying again", detail=str(error))
                await asyncio.sleep(1)
            await asyncio.sleep(POLL_SECONDS)

    async def trim_forever(self) -> None:
        """Drop what is old or too much, until cancelled."""
        while True:
            try:
                await self.trim()
            except (RegistryError, OSError) as error:
                self._log.warning("old events could not be dropped; trying again", detail=str(error))
            await asyncio.sleep(TRIM_SECONDS)

    async def save_forever(self) -> None:
        """Remember how far endpoints were told, until cancelled, and then once more."""
        try:
            while True:
                await asyncio.sleep(SAVE_SECONDS)
                await self._save()
        finally:
            await self._save()

    async def place(self) -> None:
        """Give positions to all events that wait for one."""
        while await self._outbox.waiting():
            await self._outbox.place()
            await self._announce()

    async def trim(self) -> None:
        """One round, in small transactions with a pause between."""
        pace = Pace(times=4)
        while await self._trim_some():
            await pace.rest()
        for progress in self._endpoints:
            progress.say_dropped(self._bounds.events, self._log)

    async def _trim_some(self) -> bool:
        extent = await self._outbox.extent()
        if extent is None:
            return False
        until = max(extent.newest - self._bounds.events, await self._find_aged(extent.oldest, extent.newest))
        removed = await self._outbox.drop(until)
        if removed:
            for progress in self._endpoints:
                progress.skip(extent.oldest, extent.oldest + removed - 1)
        return removed == ROWS

    async def _find_aged(self, oldest: int, newest: int) -> int:
        """The last of the oldest events that are past their age and that every endpoint was told."""
        told = min((progress.saved for progress in self._endpoints), default=newest)
        moment = time.time() - self._bounds.seconds
        aged = 0
        for event in await self._outbox.page(oldest - 1, ROWS):
            if event.position > told or event.created_at >= moment:
                break
            aged = event.position
        return aged

    async def _announce(self) -> None:
        extent = await self._outbox.extent()
        if extent is not None:
            self._news.announce(extent.newest)
            for progress in self._endpoints:
                progress.counts.pending = extent.newest - max(progress.position, extent.oldest - 1)

    async def _save(self) -> None:
        told = {one.endpoint.name: one.position for one in self._endpoints if one.position != one.saved}
        if not told:
            return
        try:
            await self._outbox.tell(told)
        except (RegistryError, OSError) as error:
            self._log.warning("how far endpoints were told could not be written; trying again", detail=str(error))
            return
        for one in self._endpoints:
            one.saved = told.get(one.endpoint.name, one.saved)
