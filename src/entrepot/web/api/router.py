# SPDX-License-Identifier: Apache-2.0
"""Which function answers which path of ``/api/v1/``. Each noun brings its own table; the worker joins them."""

from collections.abc import Awaitable, Callable, Mapping

from entrepot.oci.errors import RouteUnknown, Unsupported
from entrepot.web.exchange import Answer, Exchange, answer_options

Handler = Callable[[Exchange], Awaitable[Answer]]
Routes = Mapping[str, Mapping[str, Handler]]
"""Paths below ``/api/v1``, to methods, to who answers. Where GET is answered, HEAD is."""

ROOT = "/api/v1"


class JsonApi:
    """All routes of the JSON API."""

    def __init__(self, routes: Routes) -> None:
        self._routes = routes

    async def handle(self, exchange: Exchange, path: str) -> None:
        """``path`` is below the prefix and begins with ``/api/``. Answers, or raises what becomes an answer."""
        methods = self._routes.get(path.removeprefix(ROOT)) if path.startswith(f"{ROOT}/") else None
        if methods is None:
            raise RouteUnknown(f"{path[:300]!r} is nothing that {ROOT} serves")
        allowed = sorted({*methods, *(["HEAD"] if "GET" in methods else [])})
        if exchange.method == "OPTIONS":
            return await exchange.answer(answer_options(allowed))
        handler = methods.get("GET" if exchange.method == "HEAD" else exchange.method)
        if handler is None:
            raise Unsupported(f"{exchange.method} is not for this path", headers={"Allow": ", ".join(allowed)})
        return await exchange.answer(await handler(exchange))
