# SPDX-License-Identifier: Apache-2.0
"""The survey: all there is, and bytes that are not those of their digest."""

from entrepot.oci.digests import Digest
from entrepot.oci.names import Tag
from entrepot.storage.ports import Measured, Storage, StoredBlob
from support.rooms import NAME, OTHER, append, commit, load, store

RIGHT, WRONG = b"right" * 1000, b"wrong" * 1000
DIGEST = Digest.of(RIGHT)


async def plant_wrong(storage: Storage, data: bytes = WRONG) -> None:
    """Put bytes under a digest that is another's: manifests are written as their caller says."""
    await storage.links.write_manifest(NAME, DIGEST, data, ())


async def test_a_good_storage(storage: Storage) -> None:
    """Where all is well nothing is odd; every blob is told with its size, every repository by its name."""
    small, long = await store(storage, b"1"), await store(storage, b"12", name=OTHER, algorithm="sha512")
    manifest = Digest.of(b"{}")
    await storage.links.write_manifest(NAME, manifest, b"{}", (Tag("latest"), Tag("other")))
    assert [oddity async for oddity in storage.survey.oddities()] == []
    assert {name async for name in storage.survey.repositories()} == {NAME, OTHER}
    blobs = {blob async for blob in storage.survey.blobs()}
    assert blobs == {StoredBlob(small, 1), StoredBlob(long, 2), StoredBlob(manifest, 2)}


async def test_an_empty_storage(storage: Storage) -> None:
    """Nothing is told of an empty storage."""
    assert [oddity async for oddity in storage.survey.oddities()] == []
    assert [name async for name in storage.survey.repositories()] == []
    assert [blob async for blob in storage.survey.blobs()] == []


async def test_removed_names_leave_nothing_odd(storage: Storage) -> None:
    """Tags, manifests and blobs that were removed leave nothing that is told."""
    digest = await store(storage, RIGHT)
    await storage.links.write_manifest(NAME, DIGEST, RIGHT, (Tag("latest"),))
    await storage.links.remove_tags(NAME, [Tag("latest")])
    await storage.links.remove_revisions(NAME, [DIGEST])
    await storage.links.remove_layers(NAME, [digest])
    assert [oddity async for oddity in storage.survey.oddities()] == []


async def test_uploads_under_way(storage: Storage) -> None:
    """An upload that was begun is told, with its repository; once ended it is not."""
    upload = await storage.uploads.start(NAME, "sha256")
    await append(storage, NAME, upload, RIGHT)
    told = [oddity async for oddity in storage.survey.oddities()]
    assert [(oddity.kind, oddity.repository) for oddity in told] == [("upload", NAME)]
    assert "5000 bytes" in told[0].detail
    assert str(upload) in told[0].path
    await commit(storage, NAME, upload, DIGEST)
    assert [oddity async for oddity in storage.survey.oddities()] == []


async def test_measuring(storage: Storage) -> None:
    """The digest that bytes have is told, right or wrong, and their size; of nothing, None."""
    read: list[int] = []
    assert await storage.survey.measure(DIGEST, read.append) is None
    assert read == []
    await plant_wrong(storage)
    assert await storage.survey.measure(DIGEST, read.append) == Measured(Digest.of(WRONG), 5000)
    assert sum(read) == 5000
    await plant_wrong(storage, RIGHT)
    assert await storage.survey.measure(DIGEST, read.append) == Measured(DIGEST, 5000)
    long = await store(storage, RIGHT, algorithm="sha512")
    assert await storage.survey.measure(long, read.append) == Measured(long, 5000)


async def test_setting_aside(storage: Storage) -> None:
    """Wrong bytes lose their place and are kept where it says; right ones stay, and nothing is no error."""
    assert await storage.survey.set_aside(DIGEST) is None
    await plant_wrong(storage)
    place = await storage.survey.set_aside(DIGEST)
    assert place is not None
    assert DIGEST.hex in place
    assert await storage.blobs.stat(DIGEST) is None
    assert await storage.links.has_revision(NAME, DIGEST)
    assert await store(storage, RIGHT) == DIGEST
    assert await storage.survey.set_aside(DIGEST) is None
    assert await load(storage, DIGEST) == RIGHT


async def test_setting_aside_twice(storage: Storage) -> None:
    """Wrong bytes that come again are kept beside those of the first time."""
    await plant_wrong(storage)
    first = await storage.survey.set_aside(DIGEST)
    await plant_wrong(storage, b"wrong in another way")
    second = await storage.survey.set_aside(DIGEST)
    assert first is not None
    assert second is not None
    assert first != second
