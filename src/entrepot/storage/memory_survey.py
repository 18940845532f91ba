# SPDX-License-Identifier: Apache-2.0
"""The survey of storage in memory."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from itertools import count

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName
from entrepot.storage import layout
from entrepot.storage.oddities import Oddity
from entrepot.storage.ports import Links, Measured, StoredBlob, Uploads


class MemorySurvey:
    """The ``Survey`` contract. Keys are made of checked values, so that nothing but uploads can be odd."""

    def __init__(self, values: dict[str, bytes], links: Links, uploads: Uploads) -> None:
        self._values = values
        self._links = links
        self._uploads = uploads

    async def oddities(self) -> AsyncIterator[Oddity]:
        async for name, upload in self._uploads.began_before(datetime.now(UTC)):
            status = await self._uploads.status(name, upload)
            if status is not None:
                yield Oddity("upload", layout.upload_directory(name, upload), f"{status.offset} bytes", name)

    def repositories(self) -> AsyncIterator[RepositoryName]:
        return self._links.repositories()

    async def blobs(self) -> AsyncIterator[StoredBlob]:
        for key in sorted(key for key in self._values if key.startswith(f"{layout.BLOBS}/")):
            algorithm, _, encoded, _ = key.removeprefix(f"{layout.BLOBS}/").split("/")
            yield StoredBlob(Digest(f"{algorithm}:{encoded}"), len(self._values[key]))

    async def measure(self, digest: Digest, report: Callable[[int], None]) -> Measured | None:
        data = self._values.get(layout.blob_data(digest))
        if data is None:
            return None
        report(len(data))
        return Measured(Digest.of(data, digest.algorithm), len(data))

    async def set_aside(self, digest: Digest) -> str | None:
        measured = await self.measure(digest, lambda _: None)
        if measured is None or measured.actual == digest:
            return None
        place = next(key for n in count(1) if (key := layout.quarantine(digest, n)) not in self._values)
        self._values[place] = self._values.pop(layout.blob_data(digest))
        return place
