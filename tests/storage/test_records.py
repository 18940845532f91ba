# SPDX-License-Identifier: Apache-2.0
"""The digest of everything so far: trusted only of this boot and at exactly its offset, else the bytes are read again.

Each test commits on another worker than the one that received, so that only the record beside the upload can help.
"""

import json
import os
from pathlib import Path
from uuid import UUID

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import DigestInvalid
from entrepot.storage.hashing import Record, read_boot_id
from entrepot.storage.ports import Storage
from support.rooms import NAME, append, commit, load

DATA = os.urandom(1_300_000)
LIE = Digest.of(b"a lie")


def record_of(root: Path, upload: UUID) -> Path:
    """The file beside an upload."""
    return root / "docker/registry/v2/repositories" / NAME / "_uploads" / str(upload) / "digests"


async def begun(disk: Storage) -> UUID:
    """An upload that has received all of DATA on the first worker."""
    upload = await disk.uploads.start(NAME, "sha256")
    await append(disk, NAME, upload, DATA)
    return upload


async def test_a_record_saves_the_reading(root: Path, disk: Storage, second: Storage) -> None:
    """A record of this boot at this offset is believed: it is what the other worker compares with."""
    upload = await begun(disk)
    path = record_of(root, upload)
    record = json.loads(path.read_text())
    assert record["offset"] == len(DATA)
    assert record["boot"] == read_boot_id()
    assert record["digests"] == {"sha256": Digest.of(DATA)}
    path.write_text(json.dumps({**record, "digests": {"sha256": LIE}}))
    with pytest.raises(DigestInvalid, match=LIE):
        await commit(second, NAME, upload, Digest.of(DATA))


@pytest.mark.parametrize(
    "change",
    [
        {"boot": "another"},
        {"boot": ""},
        {"offset": len(DATA) - 1},
        {"offset": len(DATA) + 1},
        {"offset": -1},
        {"offset": "x"},
        {"digests": {}},
        {"digests": {"sha512": Digest.of(b"a lie", "sha512")}},
        {"digests": []},
        {"algorithms": 7},
    ],
    ids=str,
)
async def test_other_records_are_ignored(root: Path, disk: Storage, second: Storage, change: dict[str, object]) -> None:
    """A record of another boot or offset, or one that cannot be read, says nothing: the bytes are read again."""
    upload = await begun(disk)
    path = record_of(root, upload)
    path.write_text(json.dumps({**json.loads(path.read_text()), "digests": {"sha256": LIE}, **change}))
    await commit(second, NAME, upload, Digest.of(DATA))
    assert await load(disk, Digest.of(DATA)) == DATA


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"\xff\x00", b'{"offset": 1300000}'], ids=range(6))
async def test_broken_records_are_ignored(root: Path, disk: Storage, second: Storage, content: bytes) -> None:
    """A record that a crash cut off is ignored, and the upload can go on and be committed."""
    upload = await begun(disk)
    record_of(root, upload).write_bytes(content)
    await append(second, NAME, upload, b"more")
    await commit(second, NAME, upload, Digest.of(DATA + b"more"))
    assert await load(disk, Digest.of(DATA + b"more")) == DATA + b"more"


async def test_bytes_behind_the_record_are_read(root: Path, disk: Storage, second: Storage) -> None:
    """Bytes that reached the file without a record (their worker was killed) count."""
    upload = await begun(disk)
    with (record_of(root, upload).with_name("data")).open("ab") as data:
        data.write(b"tail")
    status = await second.uploads.status(NAME, upload)
    assert status is not None
    assert status.offset == len(DATA) + 4
    await commit(second, NAME, upload, Digest.of(DATA + b"tail"))
    assert await load(disk, Digest.of(DATA + b"tail")) == DATA + b"tail"


async def test_memory_of_an_earlier_offset_is_not_used(disk: Storage, second: Storage) -> None:
    """A worker that received the first bytes, and comes back after another received more, does not go on from there."""
    upload = await disk.uploads.start(NAME, "sha256")
    await append(disk, NAME, upload, b"one")
    await append(second, NAME, upload, b"two")
    await append(disk, NAME, upload, b"three")
    await commit(disk, NAME, upload, Digest.of(b"onetwothree"))
    assert await load(second, Digest.of(b"onetwothree")) == b"onetwothree"


async def test_announced_algorithm_is_kept(root: Path, disk: Storage, second: Storage) -> None:
    """A sha512 upload is hashed as sha512 by whichever worker receives it, so that its commit reads nothing again."""
    upload = await disk.uploads.start(NAME, "sha512")
    await append(second, NAME, upload, DATA)
    assert json.loads(record_of(root, upload).read_text())["digests"] == {"sha512": Digest.of(DATA, "sha512")}


async def test_a_small_upload_leaves_no_record(root: Path, disk: Storage) -> None:
    """Reading a few bytes again is cheaper than a file for every blob; a large upload has its record."""
    small = await disk.uploads.start(NAME, "sha256")
    await append(disk, NAME, small, DATA[:1000])
    large = await disk.uploads.start(NAME, "sha256")
    await append(disk, NAME, large, DATA)
    assert not record_of(root, small).exists()
    assert record_of(root, large).exists()


def test_records_survive_their_writing() -> None:
    """What is encoded is decoded as it was."""
    record = Record(7, "boot", ("sha512",), {"sha512": Digest.of(b"", "sha512")})
    assert Record.decode(record.encode()) == record
    assert Record.decode(None).offset == -1
