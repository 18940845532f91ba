# SPDX-License-Identifier: Apache-2.0
"""``GET /api/v1/events``: the feed of events, read on from where the last page ended."""

from entrepot.oci.errors import PaginationNumberInvalid, RequestInvalid
from entrepot.registry.registry import Registry
from entrepot.web.api.router import Routes
from entrepot.web.exchange import Answer, Exchange, json_answer

PAGE = 100
"""Events in a page where the client names no number."""

MOST = 1000
"""Events in a page at most."""


class EventPages:
    """The feed of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @property
    def routes(self) -> Routes:
        """What this answers."""
        return {"/events": {"GET": self.list}}

    async def list(self, exchange: Exchange) -> Answer:
        """``after``: the ``next`` of the page before, absent or 0 for the oldest event; ``n``: 1 to :data:`MOST`."""
        query = exchange.query
        text = query.get("after") or "0"
        after = _number(text, 18)
        if after is None:
            raise RequestInvalid(f"after={text[:40]!r} is no cursor; pass on the `next` of the page before, or nothing")
        asked = query.get("n") or str(PAGE)
        limit = _number(asked, 6)
        if limit is None or not 1 <= limit <= MOST:
            raise PaginationNumberInvalid({"n": asked[:40], "minimum": 1, "maximum": MOST})
        page = await self._registry.feed.page(after, limit)
        document: dict[str, object] = {"events": page.events, "next": str(page.next)}
        if page.missed:
            document["missed"] = page.missed
        return json_answer(document, headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


def _number(text: str, digits: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
