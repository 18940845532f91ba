# SPDX-License-Identifier: Apache-2.0
"""Tells one endpoint of events: in order, each until the endpoint took it."""

import asyncio
import json
import time
from typing import Protocol

from entrepot.index.envelopes import AUDITED
from entrepot.index.outbox import Outbox, StoredEvent
from entrepot.jobs.feeding import News, Progress
from entrepot.oci.errors import RegistryError
from entrepot.telemetry.logs import Logger

PAGE = 100
"""Events read at a time."""

RETRY_SECONDS = 1.0
"""Until the index is asked again, where it could not be read."""

REPORT_SECONDS = 60.0
"""Between two lines of the log about an endpoint that goes on failing."""


class NoAnswer(Exception):  # the fact, not a fault
    """The endpoint could not be reached, or did not answer in time."""


class Post(Protocol):
    """Carries a body to the endpoint."""

    async def post(self, body: bytes) -> int:
        """The status of the answer, or :class:`NoAnswer`, at the latest at the endpoint's timeout."""
        ...


def envelope(event: str) -> bytes:
    """The body for one event, given as JSON: indented as distribution indents it."""
    return json.dumps({"events": [json.loads(event)]}, indent=3, ensure_ascii=False).encode()


class Teller:
    """Tells one endpoint."""

    def __init__(self, outbox: Outbox, progress: Progress, poster: Post, news: News, log: Logger) -> None:
        self._outbox = outbox
        self._progress = progress
        self._endpoint = progress.endpoint
        self._poster = poster
        self._news = news
        self._log = log
        self._failures = 0
        self._reported = 0.0

    async def tell_forever(self) -> None:
        """Until cancelled."""
        while True:
            await self._news.beyond(self._progress.position)
            try:
                events = await self._outbox.page(self._progress.position, PAGE)
            except (RegistryError, OSError) as error:
                self._log.warning("events could not be read; trying again", detail=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for event in events:
                await self._tell(event)
            if not events:
                await asyncio.sleep(RETRY_SECONDS)

    async def _tell(self, event: StoredEvent) -> None:
        """Until the endpoint took it, or it was dropped meanwhile for there were too many."""
        progress = self._progress
        if not self._ignores(event):
            progress.counts.events += 1
            body = envelope(event.body)
            while event.position > progress.position and not await self._attempt(body):
                if self._failures >= self._endpoint.threshold:
                    await asyncio.sleep(self._endpoint.backoff)
        progress.position = max(progress.position, event.position)
        progress.counts.pending = max(0, self._news.newest - progress.position)

    def _ignores(self, event: StoredEvent) -> bool:
        """As distribution 3 does: either list is enough. The audit's events go only to who asked for them: receivers
        know four actions.
        """
        document = json.loads(event.body)
        if document["action"] in AUDITED and not self._endpoint.audit:
            return True
        media_type = document["target"].get("mediaType", "")
        return document["action"] in self._endpoint.ignored_actions or media_type in self._endpoint.ignored_mediatypes

    async def _attempt(self, body: bytes) -> bool:
        """Whether the endpoint took it."""
        counts = self._progress.counts
        try:
            status = await self._poster.post(body)
        except NoAnswer as error:
            counts.errors += 1
            self._fail(str(error))
            return False
        counts.statuses[status] += 1
        if not 200 <= status < 400:
            counts.failures += 1
            self._fail(f"answered {status}")
            return False
        counts.successes += 1
        if self._failures >= self._endpoint.threshold:
            self._log.info("an endpoint takes its events again", endpoint=self._endpoint.name)
        self._failures = 0
        return True

    def _fail(self, detail: str) -> None:
        """One line when the pauses begin, and now and then while they last."""
        self._failures += 1
        over = time.monotonic() - self._reported >= REPORT_SECONDS
        if self._failures == self._endpoint.threshold or (self._failures > self._endpoint.threshold and over):
            self._reported = time.monotonic()
            self._log.error(
                "an endpoint does not take its events; trying again after each backoff",
                endpoint=self._endpoint.name,
                failures=self._failures,
                pending=self._progress.counts.pending,
                detail=detail,
            )
