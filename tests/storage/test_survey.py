# SPDX-License-Identifier: Apache-2.0
"""What the survey tells of a directory with all sorts of things in it that no registry made."""

import os
import random
from pathlib import Path

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.storage import layout
from entrepot.storage.ports import Storage
from storage.test_oddities import PLACE, odd
from support.rooms import NAME, store

DATA = os.urandom(3000)
DIGEST, OTHER_DIGEST = Digest.of(DATA), Digest.of(b"other")
LATEST = Tag("latest")


async def told(storage: Storage) -> set[tuple[str, str]]:
    """Kind and path of each oddity."""
    return {(oddity.kind, oddity.path) async for oddity in storage.survey.oddities()}


async def fill(storage: Storage) -> None:
    """A blob and a tagged manifest."""
    await store(storage, DATA)
    await storage.links.write_manifest(NAME, DIGEST, DATA, (LATEST,))


@pytest.mark.parametrize("kind", PLACE)
async def test_links_that_are_no_files(root: Path, disk: Storage, kind: str) -> None:
    """Whatever lies in the place of a link, of a blob's bytes: it is told, and nothing waits for it."""
    await fill(disk)
    assert await told(disk) == set()
    keys = [layout.layer_link(NAME, DIGEST), layout.revision_link(NAME, DIGEST), layout.tag_current(NAME, LATEST)]
    for key in (*keys, layout.blob_data(DIGEST)):
        odd(root, key, kind)
    assert await told(disk) == {("broken-link", key) for key in keys} | {("broken-blob", layout.blob_data(DIGEST))}


@pytest.mark.parametrize(
    ("content", "kind", "detail"),
    [
        (b"", "empty-link", "holds nothing"),
        (b"\n", "empty-link", "holds nothing"),
        (b"hunter2", "broken-link", "holds no digest"),
        (b"sha256:\xff", "broken-link", "holds no digest"),
        (OTHER_DIGEST.encode(), "broken-link", f"leads to other bytes: {OTHER_DIGEST}"),
    ],
)
async def test_links_with_other_content(root: Path, disk: Storage, content: bytes, kind: str, detail: str) -> None:
    """A link that holds nothing, no digest, or another's, is told with its repository; its content is not shown."""
    await fill(disk)
    key = layout.layer_link(NAME, DIGEST)
    (root / key).write_bytes(content)
    found = [oddity async for oddity in disk.survey.oddities()]
    assert [(one.kind, one.path, one.detail) for one in found] == [(kind, key, detail)]
    assert (found[0].repository, found[0].digest, found[0].is_manifest) == (NAME, DIGEST, False)


async def test_aliases_are_not_odd(root: Path, disk: Storage) -> None:
    """A sha512 link that leads to a sha256, as registry:2 writes it, and a link that ends with a newline."""
    await fill(disk)
    long = Digest.of(DATA, "sha512")
    path = root / layout.layer_link(NAME, long)
    path.parent.mkdir(parents=True)
    path.write_text(f"{DIGEST}\n")
    assert await told(disk) == set()


async def test_strange_things(root: Path, disk: Storage) -> None:
    """Files and directories that mean nothing, wherever they lie, names that are not valid today, remains of a tag, a
    blob in a wrong place, one without bytes.
    """
    await fill(disk)
    repository = layout.repository(NAME)
    files = [
        "README",
        "docker/x",
        "docker/registry/v1",
        f"{layout.V2}/x",
        f"{layout.BLOBS}/x",
        f"{layout.BLOBS}/sha256/x",
        f"{layout.BLOBS}/sha256/aa/x",
        f"{layout.blob_directory(DIGEST)}/data.1.tmp",
        f"{layout.REPOSITORIES}/.DS_Store",
        f"{repository}/notes",
        f"{repository}/_layers/x",
        f"{repository}/_layers/sha256/x",
        f"{repository}/_manifests/x",
        f"{repository}/_manifests/tags/x",
        f"{repository}/_manifests/tags/latest/x",
        f"{repository}/_manifests/tags/latest/current/link.1.tmp",
        f"{repository}/_uploads/x",
        f"{repository}/_other/x",
    ]
    for key in files:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    tags = layout.tags(NAME)
    for key in (f"{tags}/half/index/sha256", f"{tags}/-old", f"{layout.REPOSITORIES}/Upper/Case/_layers"):
        (root / key).mkdir(parents=True)
    misplaced = f"{layout.BLOBS}/sha256/zz/{DIGEST.hex}"
    (root / misplaced).mkdir(parents=True)
    (root / layout.blob_directory(OTHER_DIGEST)).mkdir(parents=True)
    assert await told(disk) == {("stray", key) for key in files if not key.endswith("_other/x")} | {
        ("stray", f"{repository}/_other"),
        ("remains", f"{tags}/half"),
        ("old-name", f"{tags}/-old"),
        ("old-name", f"{layout.REPOSITORIES}/Upper/Case"),
        ("misplaced-blob", misplaced),
        ("blob-without-data", layout.blob_directory(OTHER_DIGEST)),
    }


async def test_names_of_all_bytes(root: Path, disk: Storage) -> None:
    """Names with newlines, escape sequences and no valid UTF-8 are told as they are."""
    await fill(disk)
    names = [b"new\nline", b"\x1b[31mred", b"\xff\xfe", b"\xe2\x80\xaereversed", b"~", b" "]
    for name in names:
        os.mkdir(os.fsencode(root / layout.REPOSITORIES) + b"/" + name)
    assert await told(disk) == {("stray", f"{layout.REPOSITORIES}/{os.fsdecode(name)}") for name in names}


async def test_symlinks_that_lead_back_and_out(root: Path, disk: Storage, tmp_path: Path) -> None:
    """A symlink to where it lies is told and not followed; one to another disk is followed like a directory."""
    await fill(disk)
    repositories = root / layout.REPOSITORIES
    (repositories / "library/loop").symlink_to("..")
    (repositories / "library/self").symlink_to("self")
    (tmp_path / "elsewhere/_layers/sha256").mkdir(parents=True)
    (tmp_path / "elsewhere/_layers/junk").touch()
    (repositories / "moved").symlink_to(tmp_path / "elsewhere")
    assert await told(disk) == {
        ("stray", f"{layout.REPOSITORIES}/library/loop"),
        ("stray", f"{layout.REPOSITORIES}/library/self"),
        ("stray", f"{layout.REPOSITORIES}/moved/_layers/junk"),
    }
    assert {name async for name in disk.survey.repositories()} == {NAME, RepositoryName("moved")}


async def test_deep_directories(root: Path, disk: Storage) -> None:
    """Directories below the longest possible name are told once, where they begin to be too long."""
    await fill(disk)
    (root / layout.REPOSITORIES / "/".join(["deep"] * 200)).mkdir(parents=True)
    (found,) = [oddity async for oddity in disk.survey.oddities()]
    assert found.kind == "stray"
    assert found.path == f"{layout.REPOSITORIES}/" + "/".join(["deep"] * 52)


async def test_what_waits_for_its_name(root: Path, disk: Storage) -> None:
    """Files of a process that died are told while no server runs."""
    (root / layout.TEMPORARY / "left").touch()
    assert await told(disk) == {("temporary", f"{layout.TEMPORARY}/left")}


async def test_right_bytes_that_come_meanwhile(root: Path, disk: Storage) -> None:
    """Where the file in a blob's place is another than the one that was read, it keeps its place."""
    wrong = b"wrong"
    await disk.links.write_manifest(NAME, DIGEST, wrong, ())
    path = root / layout.blob_data(DIGEST)
    survey = disk.survey
    held = os.open(path, os.O_RDONLY)
    try:
        known = os.fstat(held)
        await store(disk, DATA)
        assert survey._move(DIGEST, str(path), known) is None  # type: ignore[attr-defined]
    finally:
        os.close(held)
    assert path.read_bytes() == DATA
    assert list((root / layout.QUARANTINE).rglob("*.*")) == []


async def test_a_directory_of_very_many(root: Path, disk: Storage) -> None:
    """Twenty thousand stray files in one directory are all told."""
    await fill(disk)
    number = random.Random(1)
    for _ in range(20_000):
        (root / layout.layers(NAME) / f"{number.getrandbits(64):x}").touch()
    assert len(await told(disk)) == 20_000
