# SPDX-License-Identifier: Apache-2.0
"""``GET /api/v1/events``: the feed of events, read on from where the last page ended."""

from collections.abc import Sequence

from entrepot.registry.registry import Registry
from entrepot.web.api.operations import Operation, Place, to_list
from entrepot.web.api.parameters import SIZE, Cursor
from entrepot.web.exchange import Answer, Exchange, json_answer

AFTER = Cursor("after", "The `next` of the page before; absent or 0 for the oldest event.")


class EventPages:
    """The feed of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @property
    def operations(self) -> Sequence[Operation]:
        """What this answers."""
        list_events = Operation(
            method="GET",
            path="/events",
            handler=self.list,
            needs=to_list,
            key="listEvents",
            summary="What happened, in order",
            answer="Events",
            query=(AFTER, SIZE),
        )
        return (list_events,)

    async def list(self, exchange: Exchange, _: Place) -> Answer:
        """A page of the feed. ``missed``: events between that were dropped before they were read."""
        query = exchange.query
        page = await self._registry.feed.page(AFTER.read(query, 0), SIZE.read(query), exchange.admitted.sight)
        document: dict[str, object] = {"events": page.events, "next": str(page.next)}
        if page.missed:
            document["missed"] = page.missed
        return json_answer(document)
