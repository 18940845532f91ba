# SPDX-License-Identifier: Apache-2.0
"""What is not the distribution API: the root, liveness, readiness."""

import json

from entrepot import __version__
from entrepot.oci.errors import RouteUnknown, Unavailable, Unsupported
from entrepot.registry.catalogue import Catalogue
from entrepot.telemetry.health import HealthBoard
from entrepot.web.exchange import Answer, Exchange, answer_options, json_answer

_ROOT_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>entrepot</title></head>
<body><h1>entrepot {version}</h1><p>A container registry. Push to it and pull from it:</p>
<pre>docker tag IMAGE {host}/IMAGE
docker push {host}/IMAGE</pre></body></html>
"""


METHODS = ("GET", "HEAD")


class Pages:
    """Answered without credentials."""

    def __init__(self, board: HealthBoard, catalogue: Catalogue) -> None:
        self._board = board
        self._catalogue = catalogue

    async def handle(self, exchange: Exchange, path: str) -> None:
        """``path`` is below the prefix."""
        if path not in {"/", "", "/healthz", "/readyz"}:
            raise RouteUnknown(f"{path[:300]!r} is nothing that this registry serves; its API is under /v2/")
        if exchange.method == "OPTIONS":
            return await exchange.answer(answer_options(METHODS))
        if exchange.method not in METHODS:
            raise Unsupported(f"{exchange.method} is not for this page", headers={"Allow": ", ".join(METHODS)})
        return await exchange.answer(await self._answer(exchange, path))

    async def _answer(self, exchange: Exchange, path: str) -> Answer:
        if path == "/healthz":
            return json_answer({"status": "alive"}, headers={"Cache-Control": "no-store"})
        if path == "/readyz":
            return await self._ready()
        return _root(exchange)

    async def _ready(self) -> Answer:
        findings = self._board.read()
        failing = {**findings.blocking, **findings.degraded}
        try:
            index = "complete" if await self._catalogue.complete() else "adopting"
        except Unavailable as error:  # the checks will say so, too, when they next look
            index = "unavailable"
            failing = {**failing, "index": str(error.detail)}
        status = 503 if failing else 200
        document = {"status": "failing" if failing else "ready", "failing": failing, "index": index}
        return json_answer(document, status=status, headers={"Cache-Control": "no-store"})


def _root(exchange: Exchange) -> Answer:
    """HTML only for those who name it: clients that probe ``/`` must not get a page (design "Same origin")."""
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Vary": "Accept"}
    if "text/html" in exchange.headers.get("accept", ""):
        policy = "default-src 'none'; frame-ancestors 'none'"
        page = _ROOT_PAGE.format(version=__version__, host=exchange.seen.host)
        html = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
        return Answer(200, {**headers, **html}, page.encode())
    body = json.dumps(f"entrepot {__version__}").encode() + b"\n"
    return Answer(200, {**headers, "Content-Type": "application/json"}, body)
