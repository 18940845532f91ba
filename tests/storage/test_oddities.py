# SPDX-License-Identifier: Apache-2.0
"""Entries that no registry made: one of them must neither block nor fail what is asked of the rest."""

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUnknown
from entrepot.oci.names import RepositoryName, Tag
from entrepot.storage import layout
from entrepot.storage.ports import Storage
from support.rooms import NAME, OTHER, append, commit, load, store

DATA = os.urandom(5000)
DIGEST = Digest.of(DATA)
ODD = Tag("odd")


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(path.parent, os.O_RDONLY)  # names of sockets are short
        listener.bind(f"/proc/self/fd/{here}/{path.name}")
        os.close(here)


PLACE: dict[str, Callable[[Path], None]] = {
    "directory": Path.mkdir,
    "pipe": os.mkfifo,
    "socket": _bind,
    "symlink to itself": lambda path: path.symlink_to(path.name),
    "symlink to nothing": lambda path: path.symlink_to("nothing"),
    "symlink to a directory": lambda path: path.symlink_to("."),
    "device": lambda path: path.symlink_to("/dev/zero"),
}


def odd(root: Path, key: str, kind: str) -> Path:
    """Put what is no file in the place of one."""
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    PLACE[kind](path)
    return path


@pytest.mark.parametrize("kind", PLACE)
async def test_links_that_are_no_files(root: Path, disk: Storage, kind: str) -> None:
    """A link that is no file counts as not there, for whoever reads it and for lists; links beside it are read."""
    await disk.links.write_manifest(NAME, DIGEST, DATA, (Tag("good"), ODD))
    await disk.links.write_layer(NAME, DIGEST)
    assert await disk.links.read_tag(NAME, ODD) == DIGEST
    odd(root, layout.tag_current(NAME, ODD), kind)
    assert await disk.links.read_tag(NAME, ODD) is None
    assert await disk.links.read_tag(NAME, Tag("good")) == DIGEST
    other = Digest.of(b"other")
    odd(root, layout.revision_link(NAME, other), kind)
    odd(root, layout.layer_link(NAME, other), kind)
    assert not await disk.links.has_revision(NAME, other)
    assert await disk.links.read_layer(NAME, other) is None
    assert await disk.links.list_revisions(NAME) == await disk.links.list_layers(NAME) == [DIGEST]


@pytest.mark.parametrize("kind", PLACE)
async def test_bytes_that_are_no_file(root: Path, disk: Storage, kind: str) -> None:
    """A blob whose data is no file is unknown; what can be replaced is replaced by a push, also where it was known."""
    odd(root, layout.blob_data(DIGEST), kind)
    assert await disk.blobs.stat(DIGEST) is None
    with pytest.raises(BlobUnknown):
        await anext(aiter(disk.blobs.read(DIGEST, 0, 1)))
    if kind == "directory":
        return
    upload = await disk.uploads.start(NAME, "sha256")
    await append(disk, NAME, upload, DATA)
    await commit(disk, NAME, upload, DIGEST, trusted_size=len(DATA))
    assert await load(disk, DIGEST) == DATA


@pytest.mark.parametrize("kind", PLACE)
async def test_uploads_whose_files_are_none(root: Path, disk: Storage, kind: str) -> None:
    """What lies beside an upload and is no file says nothing: the upload can be found and ended."""
    upload = await disk.uploads.start(NAME, "sha256")
    for name in ("startedat", "digests"):
        odd(root, f"{layout.upload_directory(NAME, upload)}/{name}", kind)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert [found async for found in disk.uploads.began_before(tomorrow)] == [(NAME, upload)]
    await append(disk, NAME, upload, DATA)
    await commit(disk, NAME, upload, DIGEST)


async def walked(storage: Storage) -> list[str]:
    """All repositories."""
    return [name async for name in storage.links.repositories()]


async def test_symlinks_that_lead_back(root: Path, disk: Storage) -> None:
    """A symlink to a directory on the way to it, to itself, to nothing, or in a circle with another is passed over or
    followed once; the walk ends and finds every repository there is.
    """
    for name in (NAME, OTHER, RepositoryName("zoo")):
        await store(disk, DATA, name=name)
    library = root / layout.REPOSITORIES / "library"
    (library / "loop").symlink_to("..")
    (library / "here").symlink_to(".")
    (library / "self").symlink_to("self")
    (library / "gone").symlink_to("nothing")
    (library / "root").symlink_to("/")
    (library / "whole").symlink_to(root)
    assert await walked(disk) == [NAME, OTHER, "zoo"]
    (library / "box/to").symlink_to("../other")
    (library / "other/to").symlink_to("../box")
    assert await walked(disk) == [NAME, f"{NAME}/to", OTHER, f"{OTHER}/to", "zoo"]


async def test_symlinks_to_elsewhere_are_followed(root: Path, disk: Storage) -> None:
    """A repository that was moved to another disk and left a symlink is found."""
    await store(disk, DATA)
    place = root / layout.repository(NAME)
    place.rename(root.with_name("moved"))
    place.symlink_to(root.with_name("moved"))
    assert await walked(disk) == [NAME]
    assert await disk.links.list_layers(NAME) == [DIGEST]


async def test_directories_too_deep_for_a_name(root: Path, disk: Storage) -> None:
    """Directories below the longest possible name are not walked, and disturb nobody."""
    await store(disk, DATA)
    (root / layout.REPOSITORIES / "/".join(["deep"] * 200)).mkdir(parents=True)
    assert await walked(disk) == [NAME]
