# SPDX-License-Identifier: Apache-2.0
"""What storage promises, whatever lies below. One contract suite (``tests/storage/contract``) holds for each.

All methods raise :class:`entrepot.oci.errors.StorageFull` where space runs out, and
:class:`entrepot.oci.errors.Unavailable` where the storage cannot be reached or written.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.storage.oddities import Oddity


class Blobs(Protocol):
    """Bytes by digest. Visible whole or not at all; never changed, so writing twice is harmless."""

    async def stat(self, digest: Digest) -> int | None:
        """Size in bytes; None where there are none."""
        ...

    def path(self, digest: Digest) -> str | None:
        """The file that holds the bytes, for a server that can send files; None where there is no such thing."""
        ...

    def read(self, digest: Digest, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to ``end`` (exclusive). Raises ``BlobUnknown`` at the first step if there are none.

        The caller iterates to the end or calls ``aclose``.
        """
        ...

    async def remove(self, digests: Sequence[Digest]) -> None:
        """Remove bytes; what is not there is no error. The caller claims these digests (:class:`DigestLocks`)."""
        ...

    def walk(self) -> AsyncIterator[tuple[Digest, int]]:
        """Digests that have bytes, and their sizes: those that came before and do not go meanwhile, others perhaps."""
        ...


class Links(Protocol):
    """Names: what a repository holds and what its tags point to. Each write is durable on return.

    Writing what is there and removing what is not are no errors. A reader sees the old or the new value, never half.
    """

    async def read_tag(self, name: RepositoryName, tag: Tag) -> Digest | None:
        """What the tag points to; None where there is no (readable) link."""
        ...

    async def remove_tags(self, name: RepositoryName, tags: Sequence[Tag]) -> None:
        """Remove tags with their history."""
        ...

    async def has_revision(self, name: RepositoryName, digest: Digest) -> bool:
        """Whether the repository holds the manifest."""
        ...

    async def write_manifest(self, name: RepositoryName, digest: Digest, payload: bytes, tags: tuple[Tag, ...]) -> None:
        """The repository holds the manifest, and ``tags`` point to it.

        Written in this order: bytes, membership, history of each tag, each tag; whoever finds one finds those before.
        """
        ...

    async def remove_revisions(self, name: RepositoryName, digests: Sequence[Digest]) -> None:
        """The repository does not hold the manifests any more."""
        ...

    async def read_layer(self, name: RepositoryName, digest: Digest) -> Digest | None:
        """The digest under which the bytes lie (another only in aliases that registry:2 wrote); None: not held."""
        ...

    async def write_layer(self, name: RepositoryName, digest: Digest) -> None:
        """The repository holds the blob."""
        ...

    async def remove_layers(self, name: RepositoryName, digests: Sequence[Digest]) -> None:
        """The repository does not hold the blobs any more."""
        ...

    async def remove_skeleton(self, name: RepositoryName) -> None:
        """Remove what remains of a repository that holds nothing; what holds something stays, nested ones too."""
        ...

    def repositories(self, after: str = "") -> AsyncIterator[RepositoryName]:
        """The repositories that hold something and whose name comes after ``after``, in bytewise order."""
        ...

    async def list_tags(self, name: RepositoryName) -> list[Tag]:
        """The tags, sorted; what is no valid tag is left out."""
        ...

    async def list_revisions(self, name: RepositoryName) -> list[Digest]:
        """The manifests, sorted."""
        ...

    async def list_layers(self, name: RepositoryName) -> list[Digest]:
        """The blobs, sorted."""
        ...


@dataclass(frozen=True, slots=True)
class UploadStatus:
    """An upload under way: how many bytes have arrived, and when it began (UTC)."""

    offset: int
    started_at: datetime


class UploadBusy(Exception):
    """Another request is writing to this upload."""


class UploadWriter(Protocol):
    """The one writer of an upload, between entering and leaving :meth:`Uploads.open`."""

    @property
    def offset(self) -> int:
        """Bytes that the upload has, including those just written."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Append; may gather before it hashes and writes. On an error what was written before stays."""
        ...

    async def commit(self, digest: Digest, trusted_size: int | None) -> int:
        """Verify, make durable, show under ``digest`` and let the upload's repository hold it, in this order.

        The upload is gone then. Returns the size in bytes.

        ``trusted_size``: the size of bytes under this digest that were verified before (they are then not written
        again), else None. Raises ``DigestInvalid``; the upload is then gone as well, and nothing was shown.
        The same where the bytes could not be brought to the disk (``Unavailable``, ``StorageFull``), since a second try
        would look like success: they must be uploaded again.
        """
        ...

    async def cancel(self) -> None:
        """Forget the upload and its bytes."""
        ...


class Uploads(Protocol):
    """Uploads under way. They survive restarts where storage does."""

    async def start(self, name: RepositoryName, algorithm: str) -> UUID:
        """Begin an upload whose digest will probably be of ``algorithm``."""
        ...

    async def status(self, name: RepositoryName, upload: UUID) -> UploadStatus | None:
        """None where this repository has no such upload."""
        ...

    def open(self, name: RepositoryName, upload: UUID) -> AbstractAsyncContextManager[UploadWriter]:
        """Become the one writer. Raises :class:`UploadBusy`, or ``BlobUploadUnknown``.

        Leaving flushes what was written (also after an error, so that a client that vanished can go on), records
        the digest of everything so far, and lets go.
        """
        ...

    def began_before(self, moment: datetime) -> AsyncIterator[tuple[RepositoryName, UUID]]:
        """Uploads that began before ``moment``, whatever state they are in."""
        ...

    async def of(self, name: RepositoryName) -> list[UUID]:
        """All uploads of a repository."""
        ...

    async def remove(self, name: RepositoryName, upload: UUID) -> None:
        """Remove an upload that nobody writes to. Raises :class:`UploadBusy`."""
        ...


class DigestLocks(Protocol):
    """Keep bytes from going while somebody brings them, or links to them, in any process. A process that dies lets go.

    Without them a collector could remove bytes between the moment a push found them there and its link to them.
    """

    def share(self, digest: Digest) -> AbstractAsyncContextManager[None]:
        """Nobody removes the bytes of ``digest`` while inside; any number may share.

        Waits while they are being removed; raises ``Unavailable`` after ten seconds.
        """
        ...

    def claim(self, digests: Sequence[Digest]) -> AbstractAsyncContextManager[frozenset[Digest]]:
        """Those of ``digests`` that nobody shares or claims, ours alone while inside; never waits."""
        ...


class Health(Protocol):
    """Whether storage can be used at all."""

    async def check(self) -> None:
        """Whether it can be written. Raises ``Unavailable`` or ``StorageFull`` with a sentence that says what to do."""
        ...

    async def check_reading(self) -> None:
        """Whether it can be read. Raises ``Unavailable`` with a sentence that says what to do."""
        ...


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """Bytes that lie under ``digest``, whether or not they have it. ``size`` in bytes."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What was read: the digest that the bytes have, and how many they are."""

    actual: Digest
    size: int


class Survey(Protocol):
    """Looks at all there is, for who checks a storage. No single entry stops it, whatever it is."""

    def oddities(self) -> AsyncIterator[Oddity]:
        """What is not as the layout has it, in no order. What just changes may be told and be right a moment later."""
        ...

    def repositories(self) -> AsyncIterator[RepositoryName]:
        """As :meth:`Links.repositories`, in no order; directories that cannot be read are passed over."""
        ...

    def blobs(self) -> AsyncIterator[StoredBlob]:
        """As :meth:`Blobs.walk`, in no order; what cannot be read is passed over."""
        ...

    async def measure(self, digest: Digest, report: Callable[[int], None]) -> Measured | None:
        """Read the bytes under ``digest`` in pieces; ``report`` gets the size of each. None where there are none."""
        ...

    async def set_aside(self, digest: Digest) -> str | None:
        """Take bytes that are not those of ``digest`` away from its place and keep them; returns where.

        None, and nothing is changed, where the bytes are right or not there: it reads them once more. The caller claims
        the digest (:class:`DigestLocks`); what another program writes to the place meanwhile stays there.
        """
        ...


@dataclass(frozen=True, slots=True)
class Storage:
    """The parts of one storage."""

    blobs: Blobs
    links: Links
    uploads: Uploads
    health: Health
    locks: DigestLocks
    survey: Survey
