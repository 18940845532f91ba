# SPDX-License-Identifier: Apache-2.0
"""A disk that could not take bytes says so once; whoever asks again hears that all is well, with the bytes lost."""

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUploadUnknown, StorageFull, Unavailable
from entrepot.storage import layout
from entrepot.storage.claim import claim_directory
from entrepot.storage.digest_locks import FilesystemDigestLocks
from entrepot.storage.files import Files
from entrepot.storage.filesystem_blobs import FilesystemBlobs, FilesystemHealth
from entrepot.storage.filesystem_links import FilesystemLinks
from entrepot.storage.filesystem_survey import FilesystemSurvey
from entrepot.storage.filesystem_uploads import FilesystemUploads
from entrepot.storage.filesystem_writer import Workshop
from entrepot.storage.hashing import RunningDigests
from entrepot.storage.ports import Storage
from entrepot.storage.steps import identify
from support.rooms import NAME, append, commit, load, store

DATA = os.urandom(2_000_000)
DIGEST = Digest.of(DATA)


class FailingDisk:
    """Fails the next sync of a file with ``error``, once; later ones succeed, as the kernel's do."""

    def __init__(self) -> None:
        self.error = 0
        self.synced: list[str] = []

    def sync_file(self, descriptor: int) -> None:
        """In place of ``os.fsync``."""
        error, self.error = self.error, 0
        if error:
            raise OSError(error, os.strerror(error))
        self.synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))


@pytest.fixture
def failing() -> FailingDisk:
    """The disk below ``storage``."""
    return FailingDisk()


@pytest.fixture
def storage(root: Path, failing: FailingDisk) -> Iterator[Storage]:
    """A storage on that disk."""
    with claim_directory(root), ThreadPoolExecutor(1) as pool:
        files = Files(root, failing.sync_file, lambda _: None, lambda *_: None, identify(root))
        links, health = FilesystemLinks(files, pool), FilesystemHealth(files, 0)
        shop = Workshop(files, health, pool, pool, pool, RunningDigests(), "boot")
        blobs, uploads = FilesystemBlobs(files, pool), FilesystemUploads(shop, links)
        yield Storage(blobs, links, uploads, health, FilesystemDigestLocks(files), FilesystemSurvey(files, pool))


@pytest.mark.parametrize(
    ("error", "told"), [(errno.EIO, Unavailable), (errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull)]
)
async def test_an_upload_that_was_not_synced_is_gone(
    root: Path, storage: Storage, failing: FailingDisk, error: int, told: type[Unavailable]
) -> None:
    """The closing request fails and says to upload again; nothing is shown, and a second closing request finds no
    upload rather than a sync that succeeds. Uploaded again, the blob is there.
    """
    upload = await storage.uploads.start(NAME, "sha256")
    await append(storage, NAME, upload, DATA)
    failing.error = error
    with pytest.raises(told, match="upload again"):
        await commit(storage, NAME, upload, DIGEST)
    assert await storage.blobs.stat(DIGEST) is None
    assert await storage.links.read_layer(NAME, DIGEST) is None
    assert not (root / layout.upload_directory(NAME, upload)).exists()
    with pytest.raises(BlobUploadUnknown):
        await commit(storage, NAME, upload, DIGEST)
    await store(storage, DATA)
    assert await load(storage, DIGEST) == DATA


async def test_a_manifest_that_was_not_synced_is_not_shown(root: Path, storage: Storage, failing: FailingDisk) -> None:
    """It is refused, leaves nothing on its way to a name, and is there once it is sent again."""
    failing.error = errno.EIO
    with pytest.raises(Unavailable, match="upload again"):
        await storage.links.write_manifest(NAME, DIGEST, b"{}", ())
    assert await storage.blobs.stat(DIGEST) is None
    assert list((root / layout.TEMPORARY).iterdir()) == []
    await storage.links.write_manifest(NAME, DIGEST, b"{}", ())
    assert await storage.links.has_revision(NAME, DIGEST)


async def test_a_blob_that_is_there_and_cannot_be_synced_is_replaced(
    root: Path, storage: Storage, failing: FailingDisk
) -> None:
    """Bytes under a digest that somebody wrote and the disk does not take are replaced by those of the upload."""
    await store(storage, DATA)
    path = root / layout.blob_data(DIGEST)
    before = path.stat().st_ino
    upload = await storage.uploads.start(NAME, "sha256")
    await append(storage, NAME, upload, DATA)
    failing.error = errno.EIO
    await commit(storage, NAME, upload, DIGEST, trusted_size=len(DATA))
    assert path.stat().st_ino != before
    assert await load(storage, DIGEST) == DATA


async def test_a_link_that_is_there_and_cannot_be_synced_is_replaced(
    root: Path, storage: Storage, failing: FailingDisk
) -> None:
    """A link that is there is synced before it counts; where that fails it is written anew, and that is synced."""
    await storage.links.write_layer(NAME, DIGEST)
    path = root / layout.layer_link(NAME, DIGEST)
    failing.synced.clear()
    await storage.links.write_layer(NAME, DIGEST)
    assert failing.synced == [str(path)]
    failing.error = errno.EIO
    await storage.links.write_layer(NAME, DIGEST)
    assert len(failing.synced) == 2
    assert failing.synced[1].startswith(str(root / layout.TEMPORARY))
    assert await storage.links.read_layer(NAME, DIGEST) == DIGEST
