# SPDX-License-Identifier: Apache-2.0
"""Catalog, tags and referrers (distribution-spec, "Content Discovery"; compat.md 3.6)."""

import asyncio
import json
from collections.abc import Sequence

from entrepot.oci import media
from entrepot.oci.digests import Digest
from entrepot.oci.errors import PaginationNumberInvalid
from entrepot.oci.names import RepositoryName
from entrepot.registry.catalogue import Referrer
from entrepot.registry.registry import Registry
from entrepot.web.exchange import Answer, Exchange, json_answer
from entrepot.web.locations import Locations

CATALOG_PAGE = 100
"""Repositories in a page where the client names no number, as in distribution."""

ALL_TAGS = 50_000
"""Tags in an answer where the client names no number; more follow by ``Link``, so that memory stays bounded."""

REFERRING_AT_ONCE = 4
"""Pages of referrers that one process reads and parses at once, each up to 4 MiB; others wait."""


class ListPages:
    """The endpoints that list."""

    def __init__(self, registry: Registry, locations: Locations) -> None:
        self._registry = registry
        self._locations = locations
        self._referring = asyncio.Semaphore(REFERRING_AT_ONCE)

    async def catalog(self, exchange: Exchange) -> Answer:
        """``/v2/_catalog``: more than ``catalog.maxentries`` is refused, as in distribution."""
        maximum = self._registry.settings.catalog_max
        limit = _number(exchange)
        if limit is not None and limit > maximum:
            raise PaginationNumberInvalid({"n": limit, "maximum": maximum})
        limit = min(CATALOG_PAGE, maximum) if limit is None else limit
        page = await self._registry.catalogue.repositories(
            exchange.query.get("last", ""), limit, exchange.admitted.sight
        )
        headers = {}
        if page.more:
            headers["Link"] = self._locations.under(exchange.seen.prefix).next_page(
                "/v2/_catalog", last=page.entries[-1], n=limit
            )
        return json_answer({"repositories": page.entries}, headers=headers)

    async def tags(self, exchange: Exchange, name: RepositoryName) -> Answer:
        """``/v2/<name>/tags/list``: more than ``tags.maxtags`` gives that many and a ``Link``."""
        asked = _number(exchange)
        limit = ALL_TAGS if asked is None else min(asked, self._registry.settings.tags_max)
        page = await self._registry.catalogue.tags(name, exchange.query.get("last", ""), limit)
        headers = {}
        if page.more:
            headers["Link"] = self._locations.under(exchange.seen.prefix).next_page(
                f"/v2/{name}/tags/list", last=page.entries[-1], n=limit
            )
        return json_answer({"name": name, "tags": page.entries}, headers=headers)

    async def referrers(self, exchange: Exchange, name: RepositoryName, subject: Digest) -> Answer:
        """``/v2/<name>/referrers/<digest>``: an index, also where there are none."""
        query = exchange.query
        artifact_type = query.get("artifactType") or None
        async with self._referring:
            page = await self._registry.catalogue.referrers(name, subject, artifact_type, query.get("last", ""))
            descriptors = await asyncio.to_thread(_describe, page.entries)
        headers = {"Content-Type": media.OCI_INDEX}
        if artifact_type is not None:
            headers["OCI-Filters-Applied"] = "artifactType"
        if page.more:
            parameters: dict[str, str | int] = {"last": page.entries[-1].manifest.digest}
            if artifact_type is not None:
                parameters["artifactType"] = artifact_type
            headers["Link"] = self._locations.under(exchange.seen.prefix).next_page(
                f"/v2/{name}/referrers/{subject}", **parameters
            )
        document = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": descriptors}
        return json_answer(document, headers=headers)


def _number(exchange: Exchange) -> int | None:
    text = exchange.query.get("n")
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise PaginationNumberInvalid({"n": text[:40]})
    return int(text)


def _describe(referrers: Sequence[Referrer]) -> list[dict[str, object]]:
    return [_describe_one(referrer) for referrer in referrers]


def _describe_one(referrer: Referrer) -> dict[str, object]:
    manifest = referrer.manifest
    descriptor: dict[str, object] = {
        "mediaType": manifest.media_type,
        "size": len(manifest.payload),
        "digest": manifest.digest,
    }
    if referrer.artifact_type:
        descriptor["artifactType"] = referrer.artifact_type
    annotations = json.loads(manifest.payload).get("annotations")
    if annotations:
        descriptor["annotations"] = annotations
    return descriptor
