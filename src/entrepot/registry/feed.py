# SPDX-License-Identifier: Apache-2.0
"""The feed of events, for whoever asks for it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.index.index import Index
from entrepot.index.sight import EVERYTHING, Sight
from entrepot.oci.errors import RequestInvalid


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Events in order; ``next`` is where to go on: where it is higher than what was asked for, more may follow, also
    behind a page without events. ``missed``: how many between were dropped before they were read; for who does not see
    all events 1 where that may have been.
    """

    events: Sequence[object]
    next: int
    missed: int


class Feed:
    """What happened, in the order in which positions were given."""

    def __init__(self, index: Index) -> None:
        self._outbox = index.outbox
        self._seen = index.seen_events

    async def page(self, after: int, limit: int, sight: Sight = EVERYTHING) -> FeedPage:
        """The first ``limit`` events behind ``after`` that ``sight`` shows; 0 is before the first. Raises
        ``RequestInvalid`` where ``after`` is behind the newest: it is of another index than this. Who does not see all
        events is not told how far they go.
        """
        found = await self._seen.page(after, limit, sight)
        if found.first is not None:
            events = tuple(_tell(event.body, sight) for event in found.events)
            missed = found.first - after - 1 if after else 0
            if not sight.audit:
                missed = min(missed, 1) if found.until > after else 0
            return FeedPage(events, found.until, missed)
        if not sight.audit:
            return FeedPage((), after, 0)
        extent = await self._outbox.extent()
        if after > (0 if extent is None else extent.newest):
            raise RequestInvalid(
                f"after={after} is behind the end of the feed: the index was made anew; leave after out"
            )
        return FeedPage((), after, 0)


def _tell(body: str, sight: Sight) -> object:
    """An event, without the name of another repository where not all are seen; from where, by which server and by which
    rule it was done where the audit is not; and who did it where people are not.
    """
    event = json.loads(body)
    if sight.patterns is not None and isinstance(event.get("target"), dict):
        event["target"].pop("fromRepository", None)
    if not sight.audit:
        event.pop("authorization", None)
        event.pop("source", None)
        event["request"] = {name: event["request"][name] for name in ("id", "method") if name in event["request"]}
    if not sight.actors:
        event["actor"] = {}
    return event
