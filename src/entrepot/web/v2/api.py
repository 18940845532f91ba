# SPDX-License-Identifier: Apache-2.0
"""Dispatches ``/v2/``: route, method, and the values that the path holds, checked once."""

import asyncio

from entrepot.oci.digests import Digest
from entrepot.oci.errors import ReadOnly, Unsupported
from entrepot.oci.names import RepositoryName, parse_reference
from entrepot.registry.registry import Registry
from entrepot.web.doors import Doors
from entrepot.web.exchange import Answer, Exchange, answer_options, json_answer
from entrepot.web.locations import Locations
from entrepot.web.origins import Origins
from entrepot.web.outgoing import Outgoing, too_many
from entrepot.web.v2 import blobs, manifests
from entrepot.web.v2.lists import ListPages
from entrepot.web.v2.needs import find_needs
from entrepot.web.v2.routes import Kind, Route
from entrepot.web.v2.uploads import UploadPages, find_upload

METHODS: dict[Kind, tuple[str, ...]] = {
    "base": ("GET", "HEAD"),
    "catalog": ("GET", "HEAD"),
    "tags": ("GET", "HEAD"),
    "manifests": ("DELETE", "GET", "HEAD", "PUT"),
    "blobs": ("DELETE", "GET", "HEAD"),
    "uploads": ("POST",),
    "upload": ("DELETE", "GET", "HEAD", "PATCH", "PUT"),
    "referrers": ("GET", "HEAD"),
}


class Api:
    """The distribution API over one registry."""

    def __init__(self, registry: Registry, doors: Doors, locations: Locations, origins: Origins) -> None:
        self._registry = registry
        self._doors = doors
        self._locations = locations
        self._origins = origins
        self._uploads = UploadPages(registry, doors, locations)
        self._lists = ListPages(registry, locations)
        self._outgoing = Outgoing()
        self._large = asyncio.Semaphore(manifests.LARGE_AT_ONCE)

    async def handle(self, exchange: Exchange, route: Route) -> None:
        """Answer, or raise what ``entrepot.web.errors`` turns into an answer."""
        if exchange.method == "OPTIONS":
            return await exchange.answer(answer_options(METHODS[route.kind]))
        self._require_method(exchange.method, route.kind)
        upload = find_upload(route.tail) if route.kind == "upload" else None
        await self._doors.admit(exchange, find_needs(exchange.method, route), upload=upload)
        if exchange.method not in {"GET", "HEAD"}:
            self._require_change(exchange)
        if route.kind == "blobs" and exchange.method != "DELETE":
            name, digest = RepositoryName.parse(route.name), Digest.parse(route.tail)
            return await blobs.get(exchange, self._registry, name, digest)
        if route.kind == "manifests" and exchange.method in {"GET", "HEAD"}:
            name, reference = RepositoryName.parse(route.name), parse_reference(route.tail)
            return await manifests.get(exchange, self._registry, self._outgoing, name, reference)
        answer = await self._answer(exchange, route)
        if not self._outgoing.fits(len(answer.body)):
            raise too_many()  # it lies in memory already, so it may not wait
        async with self._outgoing.hold(len(answer.body)):
            return await exchange.answer(answer)

    def _require_method(self, method: str, kind: Kind) -> None:
        allowed = METHODS[kind]
        if method not in allowed:
            raise Unsupported(f"{method} is not for this endpoint", headers={"Allow": ", ".join(allowed)})

    def _require_change(self, exchange: Exchange) -> None:
        if self._registry.settings.readonly:
            raise ReadOnly
        self._origins.require_own(exchange)

    async def _answer(self, exchange: Exchange, route: Route) -> Answer:
        match route.kind:
            case "base":
                return json_answer({})
            case "catalog":
                return await self._lists.catalog(exchange)
        name = RepositoryName.parse(route.name)
        match route.kind:
            case "tags":
                return await self._lists.tags(exchange, name)
            case "referrers":
                return await self._lists.referrers(exchange, name, Digest.parse(route.tail))
            case "manifests":
                return await self._manifest(exchange, name, route.tail)
            case "blobs":
                return await blobs.delete(exchange, self._registry, name, Digest.parse(route.tail))
            case "uploads":
                return await self._uploads.post(exchange, name)
            case _:
                return await self._upload(exchange, name, route.tail)

    async def _manifest(self, exchange: Exchange, name: RepositoryName, tail: str) -> Answer:
        reference = parse_reference(tail)
        if exchange.method == "PUT":
            return await manifests.put(exchange, self._registry, self._locations, self._large, name, reference)
        return await manifests.delete(exchange, self._registry, name, reference)

    async def _upload(self, exchange: Exchange, name: RepositoryName, tail: str) -> Answer:
        match exchange.method:
            case "PATCH":
                return await self._uploads.patch(exchange, name, tail)
            case "PUT":
                return await self._uploads.put(exchange, name, tail)
            case "DELETE":
                return await self._uploads.delete(name, tail)
            case _:
                return await self._uploads.get(exchange, name, tail)
