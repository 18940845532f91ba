# SPDX-License-Identifier: Apache-2.0
"""``/v2/<name>/manifests/<reference>`` (distribution-spec, "Pulling manifests", "Pushing Manifests")."""

import asyncio
import contextlib
from functools import partial

from entrepot.oci.digests import Digest
from entrepot.oci.errors import ErrorCode, ManifestTooLarge, RegistryError, Unavailable
from entrepot.oci.manifests import MAX_MANIFEST
from entrepot.oci.names import Reference, RepositoryName, Tag
from entrepot.registry.manifests import PulledManifest
from entrepot.registry.registry import Registry
from entrepot.web.exchange import Answer, Exchange
from entrepot.web.locations import Locations
from entrepot.web.outgoing import Outgoing

MAX_TAGS = 100
"""Tags of one push; the specification asks for at least 10 and allows 414 beyond a limit."""

LARGE_AT_ONCE = 16
"""Manifests over 64 KiB that one process takes in at once, each up to 4 MiB; others wait, unread."""

ADMIT_SECONDS = 10.0
"""How long they wait before 503."""


class TooManyTags(RegistryError):
    """More than :data:`MAX_TAGS`."""

    row = ErrorCode("TAG_INVALID", 414, f"at most {MAX_TAGS} tags can be pushed with one manifest")


def describe_manifest(manifest: PulledManifest) -> dict[str, str]:
    """The headers of GET and HEAD."""
    return {
        "Content-Type": manifest.media_type,
        "Content-Length": str(len(manifest.payload)),
        "Docker-Content-Digest": manifest.digest,
        "ETag": f'"{manifest.digest}"',
        "X-Content-Type-Options": "nosniff",
    }


async def get(
    exchange: Exchange, registry: Registry, outgoing: Outgoing, name: RepositoryName, reference: Reference
) -> None:
    """GET and HEAD; whatever Accept says, the manifest goes out as it was pushed (compat.md 9.3)."""
    manifest = await registry.manifests.get(name, reference)
    digest, headers = manifest.digest, describe_manifest(manifest)
    if exchange.client_has(digest):
        del headers["Content-Length"]
        return await exchange.answer(Answer(304, headers))
    size = 0 if exchange.method == "HEAD" else len(manifest.payload)
    payload = manifest.payload if outgoing.fits(size) else None
    note = registry.pulls.note_look if exchange.method == "HEAD" else registry.pulls.note_manifest
    note(name, reference, manifest, exchange.caller)
    del manifest  # it would lie in memory while this waits
    async with outgoing.hold(size):
        if payload is None:
            payload = (await registry.manifests.get(name, digest)).payload
        return await exchange.answer(Answer(200, headers, payload))


async def put(
    exchange: Exchange,
    registry: Registry,
    locations: Locations,
    large: asyncio.Semaphore,
    name: RepositoryName,
    reference: Reference,
) -> Answer:
    """Push, with any number of tags. ``large`` (:data:`LARGE_AT_ONCE`) is shared by all pushes of this process."""
    texts = exchange.query.getlist("tag")
    if len(texts) > MAX_TAGS:
        raise TooManyTags(f"{len(texts)} were asked for")
    tags = [Tag.parse(text) for text in texts]
    announced = exchange.content_length()
    too_large = announced is not None and announced > MAX_MANIFEST
    async with contextlib.AsyncExitStack() as held:
        payload = None if too_large else await exchange.read_all(MAX_MANIFEST, partial(_admit, large, held))
        if payload is None:
            raise ManifestTooLarge(f"a manifest has at most {MAX_MANIFEST} bytes")
        content_type = exchange.headers.get("content-type", "")
        manifest = await registry.manifests.put(name, reference, tags, content_type, payload, exchange.caller())
    location = locations.under(exchange.seen.prefix).manifest(name, manifest.digest)
    headers = {"Location": location, "Docker-Content-Digest": str(manifest.digest)}
    if manifest.subject is not None:
        headers["OCI-Subject"] = manifest.subject
    if tags:
        headers["OCI-Tag"] = ", ".join(dict.fromkeys(tags))
    return Answer(201, headers)


async def delete(exchange: Exchange, registry: Registry, name: RepositoryName, reference: Reference) -> Answer:
    """A digest: the manifest with all its tags. A tag: that tag alone."""
    if isinstance(reference, Digest):
        await registry.manifests.remove(name, reference, exchange.caller())
    else:
        await registry.manifests.untag(name, reference, exchange.caller())
    return Answer(202)


async def _admit(large: asyncio.Semaphore, held: contextlib.AsyncExitStack) -> None:
    try:
        async with asyncio.timeout(ADMIT_SECONDS):
            await held.enter_async_context(large)
    except TimeoutError:
        raise Unavailable("many large manifests are being pushed at once; try again") from None
