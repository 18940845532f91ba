# SPDX-License-Identifier: Apache-2.0
"""Uploads: begun, received in parts, committed, cancelled."""

import contextlib
from collections.abc import AsyncIterator
from uuid import UUID

from entrepot.index.deeds import Deed
from entrepot.index.facts import HeldBlob
from entrepot.index.index import Index
from entrepot.oci.callers import THE_REGISTRY, Caller
from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUploadUnknown, RangeInvalid
from entrepot.oci.names import RepositoryName
from entrepot.oci.ranges import ContentRange
from entrepot.registry.blobs import Blobs
from entrepot.storage.ports import Storage, UploadBusy, UploadWriter

Receiver = UploadWriter
"""Where the web room puts the bytes of a body."""


class Uploads:
    """Uploads of all repositories."""

    def __init__(self, storage: Storage, index: Index, blobs: Blobs) -> None:
        self._storage = storage
        self._index = index
        self._blobs = blobs

    async def start(self, name: RepositoryName, algorithm: str) -> UUID:
        """Begin an upload whose digest will probably be of ``algorithm``."""
        return await self._storage.uploads.start(name, algorithm)

    async def offset(self, name: RepositoryName, upload: UUID) -> int:
        """Bytes that have arrived; raises ``BlobUploadUnknown``."""
        status = await self._storage.uploads.status(name, upload)
        if status is None:
            raise BlobUploadUnknown(f"upload {upload} is not known: finished, cancelled or expired")
        return status.offset

    @contextlib.asynccontextmanager
    async def receive(self, name: RepositoryName, upload: UUID, at: ContentRange | None) -> AsyncIterator[UploadWriter]:
        """Become the one who writes to the upload, where the chunk begins at its end.

        Raises ``RangeInvalid`` with the current Range where it does not, or another request is writing.
        """
        try:
            async with self._storage.uploads.open(name, upload) as writer:
                if at is not None and at.start != writer.offset:
                    raise _out_of_order(
                        writer.offset, f"the chunk begins at {at.start}, the upload continues at {writer.offset}"
                    )
                yield writer
        except UploadBusy as busy:
            offset = await self.offset(name, upload)
            raise _out_of_order(offset, "another request is writing to this upload; ask for its status") from busy

    async def commit(
        self, name: RepositoryName, writer: UploadWriter, digest: Digest, caller: Caller = THE_REGISTRY
    ) -> None:
        """Verify what was received and let ``name`` hold it; durable and visible on return, or ``DigestInvalid``."""
        async with self._storage.locks.share(digest):
            size = await writer.commit(digest, await self._index.lookups.verified_size(digest))
            await self._blobs.record(name, digest, HeldBlob(digest, size, verified=True), Deed("push", caller))

    async def cancel(self, name: RepositoryName, upload: UUID) -> None:
        """Forget the upload. Raises ``BlobUploadUnknown``."""
        async with self.receive(name, upload, None) as writer:
            await writer.cancel()


def _out_of_order(offset: int, detail: str) -> RangeInvalid:
    return RangeInvalid(detail, headers={"Range": f"0-{max(offset - 1, 0)}"})
