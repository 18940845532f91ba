# SPDX-License-Identifier: Apache-2.0
"""``/v2/<name>/blobs/<digest>`` (distribution-spec, "Pulling blobs", "Deleting blobs"; compat.md 3.4)."""

from entrepot.oci.digests import Digest
from entrepot.oci.media import OCTET_STREAM
from entrepot.oci.names import RepositoryName
from entrepot.oci.ranges import Unsatisfiable, parse_range
from entrepot.registry.blobs import Blob
from entrepot.registry.registry import Registry
from entrepot.web.exchange import Answer, Exchange, json_answer

SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
"""What pushers bring is never rendered on this origin (design "Same origin")."""


async def get(exchange: Exchange, registry: Registry, name: RepositoryName, digest: Digest) -> None:
    """GET and HEAD, whole or in part."""
    blobs = registry.blobs
    blob = await (blobs.look(name, digest) if exchange.method == "HEAD" else blobs.find(name, digest))
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "max-age=31536000",
        "Content-Type": OCTET_STREAM,
        "Docker-Content-Digest": digest,
        "ETag": f'"{digest}"',
        **SAFE,
    }
    if exchange.client_has(digest):
        return await exchange.answer(Answer(304, headers))
    asked = exchange.headers.get("range")
    condition = exchange.headers.get("if-range")
    whole = asked is None or (condition is not None and condition != f'"{digest}"')
    try:
        part = None if whole else parse_range(asked or "", blob.size)
    except Unsatisfiable:
        return await exchange.answer(_unsatisfiable(blob))
    registry.pulls.note_blob(name, digest, blob.size, exchange.caller)
    if part is None:
        return await _send_whole(exchange, registry, blob, headers)
    headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{blob.size}"
    headers["Content-Length"] = str(part.length)
    await exchange.start(206, headers)
    return await _send_part(exchange, registry, blob, part.start, part.end)


async def delete(exchange: Exchange, registry: Registry, name: RepositoryName, digest: Digest) -> Answer:
    """The repository holds the blob no more."""
    await registry.blobs.remove(name, digest, exchange.caller())
    return Answer(202)


async def _send_whole(exchange: Exchange, registry: Registry, blob: Blob, headers: dict[str, str]) -> None:
    headers["Content-Length"] = str(blob.size)
    await exchange.start(200, headers)
    if exchange.method != "HEAD" and blob.path is not None and blob.size > 0 and exchange.can_send_files():
        return await exchange.send_file(blob.path, blob.size)
    return await _send_part(exchange, registry, blob, 0, blob.size)


async def _send_part(exchange: Exchange, registry: Registry, blob: Blob, start: int, end: int) -> None:
    if exchange.method != "HEAD" and start < end:
        async for chunk in registry.blobs.read(blob, start, end):
            await exchange.send_chunk(chunk, more=True)
    await exchange.send_chunk(b"", more=False)


def _unsatisfiable(blob: Blob) -> Answer:
    detail = f"the blob has {blob.size} bytes, none of them in the range asked for"
    entry = {"code": "RANGE_INVALID", "message": "invalid content range", "detail": detail}
    return json_answer({"errors": [entry]}, status=416, headers={"Content-Range": f"bytes */{blob.size}"})
