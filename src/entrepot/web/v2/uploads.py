# SPDX-License-Identifier: Apache-2.0
"""``/v2/<name>/blobs/uploads/`` (distribution-spec, "Pushing blobs"; compat.md 3.5).

Bodies go to the registry chunk by chunk as they arrive; what arrived of a body that broke off stays and can be
resumed, where the client was told the upload's id.
"""

from uuid import UUID

from entrepot.oci import media
from entrepot.oci.access import PULL, to_repository
from entrepot.oci.digests import Digest, parse_algorithm
from entrepot.oci.errors import (
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    NameInvalid,
    SizeInvalid,
)
from entrepot.oci.names import RepositoryName
from entrepot.oci.ranges import ContentRange, parse_content_range
from entrepot.registry.registry import Registry
from entrepot.registry.uploads import Receiver
from entrepot.web.doors import STATE, Doors
from entrepot.web.exchange import Answer, Exchange
from entrepot.web.locations import Locations


class UploadPages:
    """The endpoints of uploads."""

    def __init__(self, registry: Registry, doors: Doors, locations: Locations) -> None:
        self._registry = registry
        self._doors = doors
        self._locations = locations

    async def post(self, exchange: Exchange, name: RepositoryName) -> Answer:
        """Begin an upload, or do all in one step: mount, or a body with its digest."""
        query = exchange.query
        if "mount" in query:
            mounted = await self._mount(exchange, name)
            if mounted is not None:
                return self._created(exchange, name, mounted)
        digest = Digest.parse(query["digest"]) if query.get("digest") and "mount" not in query else None
        if digest is not None:
            return await self._post_whole(exchange, name, digest)
        algorithm = parse_algorithm(query.get("digest-algorithm") or "sha256")
        upload = await self._registry.uploads.start(name, algorithm)
        return self._accepted(exchange, name, upload, 0, self._doors.seal(upload, exchange.admitted))

    async def _post_whole(self, exchange: Exchange, name: RepositoryName, digest: Digest) -> Answer:
        """All in one step. What breaks off is forgotten: nobody was told the upload's id, so nobody could go on."""
        upload = await self._registry.uploads.start(name, digest.algorithm)
        async with self._registry.uploads.receive(name, upload, None) as writer:
            try:
                await _receive(exchange, writer, None)
                await self._registry.uploads.commit(name, writer, digest, exchange.caller())
            except BaseException:
                await writer.cancel()
                raise
        return self._created(exchange, name, digest)

    async def get(self, exchange: Exchange, name: RepositoryName, tail: str) -> Answer:
        """How far the upload is."""
        upload = _parse_upload(tail)
        offset = await self._registry.uploads.offset(name, upload)
        return Answer(204, self._progress(exchange, name, upload, offset, exchange.query.get(STATE, "")))

    async def patch(self, exchange: Exchange, name: RepositoryName, tail: str) -> Answer:
        """The next bytes."""
        upload = _parse_upload(tail)
        at = _chunk(exchange)
        _require_octets(exchange)
        async with self._registry.uploads.receive(name, upload, at) as writer:
            await _receive(exchange, writer, at)
            offset = writer.offset
        return self._accepted(exchange, name, upload, offset, exchange.query.get(STATE, ""))

    async def put(self, exchange: Exchange, name: RepositoryName, tail: str) -> Answer:
        """The last bytes, where there are any, and the digest of all."""
        upload = _parse_upload(tail)
        text = exchange.query.get("digest")
        if not text:
            raise DigestInvalid("the closing PUT needs the digest of the whole blob: ?digest=<algorithm>:<hex>")
        digest = Digest.parse(text)
        at = _chunk(exchange)
        async with self._registry.uploads.receive(name, upload, at) as writer:
            await _receive(exchange, writer, at)
            await self._registry.uploads.commit(name, writer, digest, exchange.caller())
        return self._created(exchange, name, digest)

    async def delete(self, name: RepositoryName, tail: str) -> Answer:
        """Cancel."""
        upload = _parse_upload(tail)
        await self._registry.uploads.cancel(name, upload)
        return Answer(204, {"Docker-Upload-UUID": str(upload)})

    async def _mount(self, exchange: Exchange, name: RepositoryName) -> Digest | None:
        """What cannot be mounted becomes an upload, as clients expect; what may not be pulled is as if not there."""
        digest, source = exchange.query["mount"], exchange.query.get("from")
        try:
            wanted = Digest.parse(digest)
            origin = RepositoryName.parse(source) if source else await self._registry.blobs.find_holder(wanted)
        except (DigestInvalid, NameInvalid):
            return None
        if origin is None or exchange.admitted.allows(to_repository(origin, PULL)) is None:
            return None
        return wanted if await self._registry.blobs.mount(name, wanted, origin, exchange.caller()) else None

    def _created(self, exchange: Exchange, name: RepositoryName, digest: Digest) -> Answer:
        location = self._locations.under(exchange.seen.prefix).blob(name, digest)
        return Answer(201, {"Location": location, "Docker-Content-Digest": digest})

    def _accepted(self, exchange: Exchange, name: RepositoryName, upload: UUID, offset: int, state: str) -> Answer:
        return Answer(202, self._progress(exchange, name, upload, offset, state))

    def _progress(
        self, exchange: Exchange, name: RepositoryName, upload: UUID, offset: int, state: str
    ) -> dict[str, str]:
        return {
            "Location": self._locations.under(exchange.seen.prefix).upload(name, upload, state),
            "Docker-Upload-UUID": str(upload),
            "Range": f"0-{max(offset - 1, 0)}",
        }


async def _receive(exchange: Exchange, writer: Receiver, at: ContentRange | None) -> None:
    """The whole body into the upload. Raises ``SizeInvalid`` where it is not what was announced: what is beyond a
    Content-Range stays out, what came before it stays in.
    """
    announced = exchange.content_length() if at is None else at.length
    while (chunk := await exchange.read()) is not None:
        if announced is not None and exchange.received > announced:
            raise SizeInvalid(f"{announced} bytes were announced, more came")
        await writer.write(chunk)
    if announced is not None and exchange.received != announced:
        raise SizeInvalid(f"{announced} bytes were announced, {exchange.received} came")


def _chunk(exchange: Exchange) -> ContentRange | None:
    header = exchange.headers.get("content-range")
    if header is None:
        return None
    at = parse_content_range(header)
    length = exchange.content_length()
    if length is not None and length != at.length:
        raise SizeInvalid(f"Content-Range speaks of {at.length} bytes, Content-Length of {length}")
    return at


def _require_octets(exchange: Exchange) -> None:
    content_type = media.strip_parameters(exchange.headers.get("content-type", ""))
    if content_type not in {"", media.OCTET_STREAM}:
        raise BlobUploadInvalid(f"Content-Type of a chunk is {media.OCTET_STREAM}, not {content_type!r}")


def find_upload(text: str) -> UUID | None:
    """The upload's id, where ``text`` is one."""
    try:
        upload = UUID(text)
    except ValueError:
        return None
    return upload if str(upload) == text else None


def _parse_upload(text: str) -> UUID:
    upload = find_upload(text)
    if upload is None:
        raise BlobUploadUnknown(f"{text[:60]!r} is no upload of this registry")
    return upload
