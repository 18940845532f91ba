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
    behind a page without events. ``missed``: how many between were dropped before they were read.
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
        ``RequestInvalid`` where ``after`` is behind the newest: it is of another index than this.
        """
        found = await self._seen.page(after, limit, sight)
        if found.first is not None:
            events = [_tell(event.body, sight) for event in found.events]
            return FeedPage(events, found.until, found.first - after - 1 if after else 0)
        extent = await self._outbox.extent()
        if after > (0 if extent is None else extent.newest):
            raise RequestInvalid(
                f"after={after} is behind the end of the feed: the index was made anew; leave after out"
            )
        return FeedPage((), after, 0)


def _tell(body: str, sight: Sight) -> object:
    """An event, without the name of another repository where not all are seen, and from where and by which rule it was
    done where the audit is not.
    """
    event = json.loads(body)
    if sight.patterns is not None and isinstance(event.get("target"), dict):
        event["target"].pop("fromRepository", None)
    if not sight.audit:
        event.pop("authorization", None)
        for name in ("addr", "useragent"):
            event.get("request", {}).pop(name, None)
    return event
