# SPDX-License-Identifier: Apache-2.0
"""Storage in memory: ``storage: inmemory``.

It stands in for an object store, so that the seam stays honest: whole objects are put, got, listed by prefix and
deleted; there is no rename, no append, no directory. One process only; everything is lost on exit.
"""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUnknown, BlobUploadUnknown, DigestInvalid, RegistryError
from entrepot.oci.names import RepositoryName, Tag
from entrepot.storage import layout
from entrepot.storage.digest_locks import wait_for
from entrepot.storage.hashing import RunningDigest
from entrepot.storage.memory_survey import MemorySurvey
from entrepot.storage.ports import Storage, UploadBusy, UploadStatus, UploadWriter

READ_SIZE = 512 * 1024


@dataclass(slots=True)
class Objects:
    """Keys and whole values."""

    values: dict[str, bytes] = field(default_factory=dict)

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that begin with ``prefix``, sorted."""
        return iter(sorted(key for key in self.values if key.startswith(prefix)))


class MemoryBlobs:
    """The ``Blobs`` contract."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def stat(self, digest: Digest) -> int | None:
        data = self._objects.values.get(layout.blob_data(digest))
        return None if data is None else len(data)

    def path(self, digest: Digest) -> str | None:  # noqa: ARG002 - the contract's
        return None

    async def read(self, digest: Digest, start: int, end: int) -> AsyncIterator[bytes]:
        data = self._objects.values.get(layout.blob_data(digest))
        if data is None:
            raise BlobUnknown(digest)
        for position in range(start, end, READ_SIZE):
            yield data[position : min(position + READ_SIZE, end)]

    async def remove(self, digests: Sequence[Digest]) -> None:
        for digest in digests:
            self._objects.values.pop(layout.blob_data(digest), None)

    async def walk(self) -> AsyncIterator[tuple[Digest, int]]:
        for key in self._objects.keys(f"{layout.BLOBS}/"):
            algorithm, _, hex_digits, _ = key.removeprefix(f"{layout.BLOBS}/").split("/")
            yield Digest(f"{algorithm}:{hex_digits}"), len(self._objects.values[key])


class MemoryLinks:
    """The ``Links`` contract."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def read_tag(self, name: RepositoryName, tag: Tag) -> Digest | None:
        return self._read(layout.tag_current(name, tag))

    async def remove_tags(self, name: RepositoryName, tags: Sequence[Tag]) -> None:
        for tag in tags:
            for key in self._objects.keys(f"{layout.tag_directory(name, tag)}/"):
                del self._objects.values[key]

    async def has_revision(self, name: RepositoryName, digest: Digest) -> bool:
        return layout.revision_link(name, digest) in self._objects.values

    async def write_manifest(self, name: RepositoryName, digest: Digest, payload: bytes, tags: tuple[Tag, ...]) -> None:
        self._objects.values[layout.blob_data(digest)] = payload
        self._objects.values[layout.revision_link(name, digest)] = digest.encode()
        for tag in tags:
            self._objects.values[layout.tag_history(name, tag, digest)] = digest.encode()
            self._objects.values[layout.tag_current(name, tag)] = digest.encode()

    async def remove_revisions(self, name: RepositoryName, digests: Sequence[Digest]) -> None:
        for digest in digests:
            self._objects.values.pop(layout.revision_link(name, digest), None)

    async def read_layer(self, name: RepositoryName, digest: Digest) -> Digest | None:
        content = self._read(layout.layer_link(name, digest))
        return None if content is None or layout.is_foreign(digest, content) else content

    async def write_layer(self, name: RepositoryName, digest: Digest) -> None:
        self._objects.values[layout.layer_link(name, digest)] = digest.encode()

    async def remove_layers(self, name: RepositoryName, digests: Sequence[Digest]) -> None:
        for digest in digests:
            self._objects.values.pop(layout.layer_link(name, digest), None)

    async def remove_skeleton(self, name: RepositoryName) -> None:  # noqa: ARG002 - the contract's
        return None

    async def repositories(self, after: str = "") -> AsyncIterator[RepositoryName]:
        names = set()
        for key in self._objects.keys(f"{layout.REPOSITORIES}/"):
            for marker in ("/_manifests/", "/_layers/"):
                name, found, _ = key.removeprefix(f"{layout.REPOSITORIES}/").partition(marker)
                if found:
                    names.add(RepositoryName.parse(name))
        for known in sorted(names):
            if known > after:
                yield known

    async def list_tags(self, name: RepositoryName) -> list[Tag]:
        prefix = f"{layout.tags(name)}/"
        keys = (key.removeprefix(prefix) for key in self._objects.keys(prefix))
        return sorted(Tag.parse(key.partition("/")[0]) for key in keys if key.endswith("/current/link"))

    async def list_revisions(self, name: RepositoryName) -> list[Digest]:
        return self._digests(layout.revisions(name))

    async def list_layers(self, name: RepositoryName) -> list[Digest]:
        return self._digests(layout.layers(name))

    def _read(self, key: str) -> Digest | None:
        data = self._objects.values.get(key)
        if data is None:
            return None
        try:
            return Digest.parse(data.decode().strip())
        except RegistryError:
            return None

    def _digests(self, prefix: str) -> list[Digest]:
        parts = (key.removeprefix(f"{prefix}/").split("/") for key in self._objects.keys(f"{prefix}/"))
        return sorted(Digest(f"{part[0]}:{part[1]}") for part in parts)


@dataclass(slots=True)
class Parts:
    """An upload as an object store keeps it: numbered parts that become one object when it is completed."""

    name: RepositoryName
    started_at: datetime
    running: RunningDigest
    parts: list[bytes] = field(default_factory=list)
    busy: bool = False


class MemoryUploads:
    """The ``Uploads`` contract."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._uploads: dict[UUID, Parts] = {}

    async def start(self, name: RepositoryName, algorithm: str) -> UUID:
        upload = uuid4()
        self._uploads[upload] = Parts(name, datetime.now(UTC), RunningDigest.begin((algorithm,)))
        return upload

    async def status(self, name: RepositoryName, upload: UUID) -> UploadStatus | None:
        parts = self._uploads.get(upload)
        if parts is None or parts.name != name:
            return None
        return UploadStatus(parts.running.offset, parts.started_at)

    @contextlib.asynccontextmanager
    async def open(self, name: RepositoryName, upload: UUID) -> AsyncIterator[UploadWriter]:
        parts = self._uploads.get(upload)
        if parts is None or parts.name != name:
            raise BlobUploadUnknown(f"upload {upload} is not known: finished, cancelled or expired")
        if parts.busy:
            raise UploadBusy
        parts.busy = True
        try:
            yield MemoryUploadWriter(self._objects, self._uploads, upload, parts)
        finally:
            parts.busy = False

    async def began_before(self, moment: datetime) -> AsyncIterator[tuple[RepositoryName, UUID]]:
        for upload, parts in list(self._uploads.items()):
            if parts.started_at < moment:
                yield parts.name, upload

    async def of(self, name: RepositoryName) -> list[UUID]:
        return [upload for upload, parts in self._uploads.items() if parts.name == name]

    async def remove(self, name: RepositoryName, upload: UUID) -> None:
        parts = self._uploads.get(upload)
        if parts is None or parts.name != name:
            return
        if parts.busy:
            raise UploadBusy
        del self._uploads[upload]


class MemoryUploadWriter:
    """The ``UploadWriter`` contract."""

    def __init__(self, objects: Objects, uploads: dict[UUID, Parts], upload: UUID, parts: Parts) -> None:
        self._objects = objects
        self._uploads = uploads
        self._upload = upload
        self._parts = parts

    @property
    def offset(self) -> int:
        return self._parts.running.offset

    async def write(self, chunk: bytes) -> None:
        self._parts.parts.append(chunk)
        self._parts.running.update(chunk)

    async def commit(self, digest: Digest, trusted_size: int | None) -> int:  # noqa: ARG002 - writing again is free here
        data = b"".join(self._parts.parts)
        await self.cancel()
        actual = Digest.of(data, digest.algorithm)
        if actual != digest:
            raise DigestInvalid(f"the digest of the {len(data)} bytes received is {actual}, not {digest}")
        self._objects.values[layout.blob_data(digest)] = data
        self._objects.values[layout.layer_link(self._parts.name, digest)] = digest.encode()
        return len(data)

    async def cancel(self) -> None:
        self._uploads.pop(self._upload, None)


class MemoryHealth:
    """The ``Health`` contract: memory is always there."""

    async def check(self) -> None:
        return None

    async def check_reading(self) -> None:
        return None


class MemoryDigestLocks:
    """The ``DigestLocks`` contract, in one process."""

    def __init__(self) -> None:
        self._shared: Counter[Digest] = Counter()
        self._claimed: set[Digest] = set()

    @contextlib.asynccontextmanager
    async def share(self, digest: Digest) -> AsyncIterator[None]:
        await wait_for(lambda: digest not in self._claimed)
        self._shared[digest] += 1
        try:
            yield
        finally:
            self._shared[digest] -= 1
            if not self._shared[digest]:
                del self._shared[digest]

    @contextlib.asynccontextmanager
    async def claim(self, digests: Sequence[Digest]) -> AsyncIterator[frozenset[Digest]]:
        free = frozenset(digests) - self._shared.keys() - self._claimed
        self._claimed |= free
        try:
            yield free
        finally:
            self._claimed -= free


def open_memory() -> Storage:
    """A storage of its own, empty."""
    objects = Objects()
    links, uploads = MemoryLinks(objects), MemoryUploads(objects)
    survey = MemorySurvey(objects.values, links, uploads)
    return Storage(MemoryBlobs(objects), links, uploads, MemoryHealth(), MemoryDigestLocks(), survey)
