# SPDX-License-Identifier: Apache-2.0
"""What is left of the first registry API: ``docker search`` and ``podman search`` ask for it (compat.md 10)."""

from entrepot import __version__
from entrepot.oci.access import CATALOG_SEARCH
from entrepot.oci.errors import PaginationNumberInvalid, RouteUnknown, Unsupported
from entrepot.registry.registry import Registry
from entrepot.web.doors import Doors
from entrepot.web.exchange import Answer, Exchange, json_answer

PAGE = 25
"""Results in a page where the client names no number."""

MOST = 100
"""Results in a page at most."""

PING_HEADERS = {
    "X-Docker-Registry-Version": f"entrepot/{__version__}",
    "X-Docker-Registry-Standalone": "true",
}


class Search:
    """``/v1/search``, and the pings before it, which ask for no credentials."""

    def __init__(self, registry: Registry, doors: Doors) -> None:
        self._registry = registry
        self._doors = doors

    async def handle(self, exchange: Exchange, path: str) -> None:
        """``path`` is below the prefix."""
        if path not in {"/_ping", "/v1/_ping", "/v1/search"}:
            raise RouteUnknown(f"{path[:300]!r} is not served: of the first registry API only its search is left")
        if exchange.method not in {"GET", "HEAD"}:
            raise Unsupported(f"{exchange.method} is not for this path", headers={"Allow": "GET, HEAD"})
        if path == "/v1/search":
            await self._doors.admit(exchange, (CATALOG_SEARCH,), basic_only=True)
            return await exchange.answer(await self._search(exchange))
        return await exchange.answer(_pong())

    async def _search(self, exchange: Exchange) -> Answer:
        query = exchange.query
        term = query.get("q", "")
        size = min(_positive(exchange, "n", PAGE), MOST)
        number = _positive(exchange, "page", 1)
        found = await self._registry.catalogue.search(term, exchange.admitted.sight)
        document = {
            "query": term,
            "num_results": len(found),
            "num_pages": -(-len(found) // size),
            "page": number,
            "page_size": size,
            "results": [_describe(name) for name in found[(number - 1) * size : number * size]],
        }
        return json_answer(document)


def _pong() -> Answer:
    return Answer(200, {"Content-Type": "application/json", **PING_HEADERS}, b"true\n")


def _describe(name: str) -> dict[str, object]:
    nothing = {"is_official": False, "is_automated": False, "is_trusted": False, "star_count": 0}
    return {"name": name, "description": "", **nothing}


def _positive(exchange: Exchange, key: str, default: int) -> int:
    text = exchange.query.get(key, "") or str(default)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise PaginationNumberInvalid({key: text[:40]})
    return int(text)
