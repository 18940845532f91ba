# SPDX-License-Identifier: Apache-2.0
"""The edge: every request enters and leaves here.

It gives the request its id, looks at health, finds who answers, turns errors into answers, and counts and logs. GET and
HEAD of a manifest that the index knows are answered here at once: that is the hot path, and everything on it counts.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import cast

from starlette.types import Scope

from entrepot.oci.access import PULL, to_repository
from entrepot.oci.errors import RegistryError, RequestInvalid, RouteUnknown, SizeInvalid, Unavailable
from entrepot.oci.names import RepositoryName, parse_reference
from entrepot.registry.registry import Registry
from entrepot.telemetry.health import HealthBoard
from entrepot.telemetry.logs import AccessLog, Logger
from entrepot.telemetry.metrics import RequestMetrics
from entrepot.web.api.router import JsonApi
from entrepot.web.callers import find_caller
from entrepot.web.doors import Doors
from entrepot.web.errors import answer_error, answer_fault
from entrepot.web.exchange import ClientGone, Exchange, Receive, Send
from entrepot.web.forwarded import Seen
from entrepot.web.pages import Pages
from entrepot.web.settings import HttpSettings
from entrepot.web.tokens import TokenPages
from entrepot.web.v1 import Search
from entrepot.web.v2.api import Api
from entrepot.web.v2.routes import find_route

VERSION_HEADER = ("Docker-Distribution-Api-Version", "registry/2.0")

HANDLERS = {
    "base": "base",
    "catalog": "catalog",
    "tags": "tags",
    "manifests": "manifest",
    "blobs": "blob",
    "uploads": "blob_upload",
    "upload": "blob_upload_chunk",
    "referrers": "referrers",
}
"""Names of handlers in metrics (compat.md 6.2)."""

_VERSIONS = {"1": "1.0", "2": "2.0", "3": "3.0"}
"""HTTP versions as Go's logs write them."""

_METHODS = {name.upper(): name for name in ("get", "head", "put", "post", "patch", "delete", "options")}
"""Methods in metrics; a series is kept for ever, so the names that clients invent are one: ``other``."""

Pairs = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class Done:
    """What is logged and counted of a request."""

    handler: str
    status: int
    received: int
    sent: int


@dataclass(frozen=True, slots=True)
class Parts:
    """Who answers what. ``tokens``: where we have a token service."""

    api: Api
    search: Search
    json_api: JsonApi
    pages: Pages
    tokens: TokenPages | None = None


class Edge:
    """The ASGI application."""

    def __init__(
        self,
        registry: Registry,
        parts: Parts,
        doors: Doors,
        settings: HttpSettings,
        board: HealthBoard,
        metrics: RequestMetrics,
        access: AccessLog | None,
        log: Logger,
    ) -> None:
        self._registry = registry
        self._parts = parts
        self._doors = doors
        self._prefix = settings.prefix.rstrip("/")
        self._headers = {_canonical(name): ", ".join(values) for name, values in settings.headers.items()}
        quick = {"X-Content-Type-Options": "nosniff", **dict([VERSION_HEADER]), **self._headers}
        self._fixed: Pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in quick.items()]
        self._board = board
        self._metrics = metrics
        self._access = access
        self._log = log
        self._identity = secrets.token_hex(6)
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        self._metrics.in_flight += 1
        seen = self._doors.look(scope)
        try:
            done = await self._quick(scope, send, seen) or await self._full(scope, receive, send, seen)
        finally:
            self._metrics.in_flight -= 1
        seconds = time.perf_counter() - started
        method = _METHODS.get(cast(str, scope["method"]), "other")
        self._metrics.observe(done.handler, method, done.status, seconds, done.received, done.sent)
        if self._access is not None:
            self._add_access(scope, seen, done)

    async def _quick(self, scope: Scope, send: Send, seen: Seen) -> Done | None:
        """GET and HEAD of a manifest that the index knows; None: take the full way."""
        method = scope["method"]
        path = cast(str, scope["path"])
        head, found, tail = path.rpartition("/manifests/")
        if not found or method not in {"GET", "HEAD"} or self._board.blocked or seen.fault:
            return None
        if not head.startswith(self._prefix):
            return None
        name = head[len(self._prefix) :]
        if not name.startswith("/v2/") or any(key == b"if-none-match" for key, _ in scope["headers"]):
            return None
        try:
            repository, reference = RepositoryName.parse(name[4:]), parse_reference(tail)
            admission = self._doors.recall(scope, seen, to_repository(repository, PULL))
            if admission is None:
                return None
            manifest = await self._registry.manifests.peek(repository, reference)
        except RegistryError:
            return None
        if manifest is None:
            return None
        payload = manifest.payload
        request_id = self._request_id()
        headers = [
            (b"content-type", manifest.media_type.encode()),
            (b"content-length", str(len(payload)).encode()),
            (b"docker-content-digest", manifest.digest.encode()),
            (b"etag", f'"{manifest.digest}"'.encode()),
            (b"x-request-id", request_id.encode()),
            *self._fixed,
        ]
        body = payload if method == "GET" else b""
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        note = self._registry.pulls.note_manifest if method == "GET" else self._registry.pulls.note_look
        actor, rule = admission.actor, admission.rule
        note(repository, reference, manifest, lambda: find_caller(scope, seen, request_id, actor, rule))
        return Done("manifest", 200, 0, len(body))

    async def _full(self, scope: Scope, receive: Receive, send: Send, seen: Seen) -> Done:
        exchange = Exchange(scope, receive, send, seen)
        request_id = exchange.extra["X-Request-Id"] = self._request_id()
        handler = "other"
        try:
            handler, handle = self._find(exchange)
            await handle()
        except ClientGone:
            await self._part(exchange)
        except RegistryError as error:
            await self._tell(exchange, error, request_id)
        except Exception:  # noqa: BLE001 - the last line: whatever went wrong, the client gets an answer and the log the rest
            self._log.error("fault while answering", exc_info=True, **self._facts(exchange, request_id))
            if not exchange.answered:
                await exchange.drain()
                await exchange.answer(answer_fault(request_id))
        return Done(handler, exchange.status, exchange.received, exchange.sent)

    def _find(self, exchange: Exchange) -> tuple[str, Callable[[], Awaitable[None]]]:
        if exchange.seen.fault:
            exchange.extra["Connection"] = "close"  # whoever forwarded it may take what follows for another request
            raise RequestInvalid(exchange.seen.fault)
        path = whole = cast(str, exchange.scope["path"])
        tokens = self._parts.tokens
        if tokens is not None and tokens.serves(whole, whole.removeprefix(self._prefix)):
            self._require_health()
            return "token", lambda: tokens.handle(exchange)
        if not path.startswith(self._prefix):
            raise RouteUnknown(f"this registry is served under {self._prefix}/ (http.prefix)")
        path = path[len(self._prefix) :]
        if path == "/v2" or path.startswith("/v2/"):
            exchange.extra.update([VERSION_HEADER, *self._headers.items()])
            self._require_health()
            route = find_route(path)
            return HANDLERS[route.kind], lambda: self._parts.api.handle(exchange, route)
        if path == "/_ping" or path.startswith("/v1/"):
            self._require_health()
            return "search", lambda: self._parts.search.handle(exchange, path)
        if path.startswith("/api/"):
            self._require_health()
            return "api", lambda: self._parts.json_api.handle(exchange, path)
        if path not in {"/healthz", "/readyz"}:
            self._require_health()
        return "page", lambda: self._parts.pages.handle(exchange, path)

    def _require_health(self) -> None:
        if self._board.blocked:
            raise Unavailable("health check failed: please see /debug/health")

    async def _part(self, exchange: Exchange) -> None:
        """A body that ends early looks like a client that is gone; if it only closed its half, it reads why."""
        if not exchange.answered:
            broken = "the body ended early or is not well-formed; what arrived of an upload is kept, ask for its status"
            await exchange.answer(answer_error(SizeInvalid(broken)))
            exchange.status = 499

    async def _tell(self, exchange: Exchange, error: RegistryError, request_id: str) -> None:
        facts = {"err.code": error.row.code.lower(), "err.detail": str(error.detail)[:500]}
        tell = self._log.error if error.status >= 500 else self._log.debug
        tell("response completed with error", **facts, **self._facts(exchange, request_id))
        if not exchange.answered:
            await exchange.drain()
            await exchange.answer(answer_error(error))

    def _facts(self, exchange: Exchange, request_id: str) -> dict[str, object]:
        return {
            "http.request.id": request_id,
            "http.request.method": exchange.method,
            "http.request.uri": str(exchange.scope["path"])[:500],
            "http.request.remoteaddr": exchange.seen.source or "-",
            "http.request.useragent": exchange.headers.get("user-agent", "")[:200],
        }

    def _request_id(self) -> str:
        return f"{self._identity}-{next(self._numbers):x}"

    def _add_access(self, scope: Scope, seen: Seen, done: Done) -> None:
        assert self._access is not None  # noqa: S101 - asked by the caller
        referer = agent = ""
        for key, value in scope["headers"]:
            if key == b"user-agent":
                agent = value.decode("latin-1")
            elif key == b"referer":
                referer = value.decode("latin-1")
        query = scope["query_string"]
        target = f"{scope['path']}?{query.decode('latin-1')}" if query else scope["path"]
        request = f"{scope['method']} {target} HTTP/{_VERSIONS.get(scope['http_version'], scope['http_version'])}"
        self._access.add(seen.source or "-", request, done.status, done.sent, referer, agent)


def _canonical(name: str) -> str:
    """As HTTP's libraries write a header's name, and as we do: so that a configured one replaces ours."""
    return "-".join(part.capitalize() for part in name.split("-"))
