# SPDX-License-Identifier: Apache-2.0
"""What is not the distribution API: the root, liveness, readiness."""

import json

from entrepot import __version__
from entrepot.certificates.trusting import is_authority, write_script
from entrepot.oci.errors import RequestInvalid, RouteUnknown, Unavailable, Unsupported
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
PATHS = frozenset({"/", "", "/healthz", "/readyz", "/ca.crt", "/ca.sh"})
_PLAIN = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


class Pages:
    """Answered without credentials. ``authority``: the certificate (PEM) that clients are to trust; empty where it is
    another's, None without TLS.
    """

    def __init__(self, board: HealthBoard, catalogue: Catalogue, authority: bytes | None) -> None:
        self._board = board
        self._catalogue = catalogue
        self._authority = authority

    async def handle(self, exchange: Exchange, path: str) -> None:
        """``path`` is below the prefix."""
        if path not in PATHS:
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
        if path == "/ca.crt":
            return Answer(200, {"Content-Type": "application/x-pem-file", **_PLAIN}, self._find_authority())
        if path == "/ca.sh":
            return self._script(exchange)
        return _root(exchange)

    def _find_authority(self) -> bytes:
        if self._authority is None:
            raise RouteUnknown("this registry serves no TLS itself (http.tls), so it has no certificate to trust")
        if not self._authority:
            raise RouteUnknown("this registry's certificate was issued by an authority elsewhere: ask its people")
        return self._authority

    def _script(self, exchange: Exchange) -> Answer:
        """For the very host under which the client asks: that is how the images' names begin."""
        pem = self._find_authority()
        host = exchange.headers.get("host", "")
        if not is_authority(host):
            raise RequestInvalid("the Host header is no host with a port, for which a script could be written")
        return Answer(200, {"Content-Type": "text/plain; charset=utf-8", **_PLAIN}, write_script(host, pem).encode())

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
