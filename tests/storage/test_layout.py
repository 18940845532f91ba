# SPDX-License-Identifier: Apache-2.0
"""The layout on disk is docker/distribution's, to the byte (compat.md 2.1)."""

import re
from pathlib import Path

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.storage import layout
from entrepot.storage.ports import Storage
from support.rooms import NAME, append, commit, load, store

V2 = "docker/registry/v2"
HERE = f"{V2}/repositories/library/box"
DIGEST = Digest.of(b"content")
LONG = Digest.of(b"content", "sha512")


def files(root: Path) -> set[str]:
    """All files of the registry, as paths below the root."""
    return {str(path.relative_to(root)) for path in (root / "docker").rglob("*") if path.is_file()}


def put(root: Path, key: str, content: str) -> None:
    """A file as registry:2 writes it."""
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.mark.parametrize("digest", [DIGEST, LONG])
async def test_paths(root: Path, disk: Storage, digest: Digest) -> None:
    """Every file lies where distribution looks for it, and there are no others."""
    kind = f"{digest.algorithm}/{digest.hex}"
    assert files(root) == set()
    await disk.links.write_manifest(NAME, digest, b"content", ())
    await disk.links.write_layer(NAME, digest)
    await disk.links.write_manifest(NAME, digest, b"{}", ())
    await disk.links.write_manifest(NAME, digest, b"{}", (Tag("v1"),))
    assert files(root) == {
        f"{V2}/blobs/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/data",
        f"{HERE}/_layers/{kind}/link",
        f"{HERE}/_manifests/revisions/{kind}/link",
        f"{HERE}/_manifests/tags/v1/current/link",
        f"{HERE}/_manifests/tags/v1/index/{kind}/link",
    }


async def test_links_hold_71_bytes(root: Path, disk: Storage) -> None:
    """A link is its digest, 71 bytes of sha256 without a newline."""
    await disk.links.write_layer(NAME, DIGEST)
    await disk.links.write_manifest(NAME, DIGEST, b"{}", ())
    await disk.links.write_manifest(NAME, DIGEST, b"{}", (Tag("v1"),))
    links = list((root / HERE).rglob("link"))
    assert len(links) == 4
    assert {link.read_bytes() for link in links} == {DIGEST.encode()}
    assert len(links[0].read_bytes()) == 71


async def test_history_of_a_tag(root: Path, disk: Storage) -> None:
    """A tag's history keeps every digest it had, and goes with the tag."""
    for digest in (DIGEST, LONG):
        await disk.links.write_manifest(NAME, digest, b"{}", (Tag("v1"),))
    history = root / HERE / "_manifests/tags/v1/index"
    assert {path.read_text() for path in history.rglob("link")} == {DIGEST, LONG}
    await disk.links.remove_tags(NAME, [Tag("v1")])
    assert not history.parent.exists()
    assert (root / HERE / "_manifests/tags").is_dir()


async def test_uploads_lie_where_distribution_purges_them(root: Path, disk: Storage) -> None:
    """An upload is data and startedat (RFC 3339, whole seconds, UTC); nothing of it stays after its commit."""
    upload = await disk.uploads.start(NAME, "sha256")
    await append(disk, NAME, upload, b"content")
    directory = root / HERE / "_uploads" / str(upload)
    assert (directory / "data").read_bytes() == b"content"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", (directory / "startedat").read_text())
    await commit(disk, NAME, upload, DIGEST)
    assert not directory.exists()


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", " \n"])
async def test_newlines_are_tolerated(root: Path, disk: Storage, ending: str) -> None:
    """A link that somebody wrote with an editor is read."""
    put(root, f"{HERE}/_layers/sha256/{DIGEST.hex}/link", DIGEST + ending)
    put(root, f"{HERE}/_manifests/revisions/sha256/{DIGEST.hex}/link", DIGEST + ending)
    put(root, f"{HERE}/_manifests/tags/v1/current/link", DIGEST + ending)
    assert await disk.links.read_layer(NAME, DIGEST) == DIGEST
    assert await disk.links.has_revision(NAME, DIGEST)
    assert await disk.links.read_tag(NAME, Tag("v1")) == DIGEST


@pytest.mark.parametrize(
    "content", ["", "\n", "sha256:", DIGEST[:-1], DIGEST * 2, "md5:" + "0" * 32, "../../x", "\x00\xff"]
)
async def test_broken_links_are_no_links(root: Path, disk: Storage, content: str) -> None:
    """What is no digest (2.8 truncates in place, so a link may be empty for a moment) is not there."""
    put(root, f"{HERE}/_layers/sha256/{DIGEST.hex}/link", content)
    put(root, f"{HERE}/_manifests/tags/v1/current/link", content)
    assert await disk.links.read_layer(NAME, DIGEST) is None
    assert await disk.links.read_tag(NAME, Tag("v1")) is None
    await disk.links.write_manifest(NAME, DIGEST, b"{}", (Tag("v1"),))
    assert await disk.links.read_tag(NAME, Tag("v1")) == DIGEST


async def test_aliases_are_read(root: Path, disk: Storage) -> None:
    """A sha512 blob that registry:2 took lies under its sha256, which its link names; we never write such links."""
    await store(disk, b"content")
    put(root, f"{HERE}/_layers/sha512/{LONG.hex}/link", DIGEST)
    assert await disk.links.read_layer(NAME, LONG) == DIGEST
    assert await load(disk, DIGEST) == b"content"
    await disk.links.write_layer(NAME, LONG)
    assert (root / HERE / f"_layers/sha512/{LONG.hex}/link").read_text() == LONG


async def test_what_others_leave_lying_is_passed_over(root: Path, disk: Storage) -> None:
    """Files and directories that are no repository, tag or digest do not disturb lists."""
    await disk.links.write_manifest(NAME, DIGEST, b"{}", (Tag("v1"),))
    await disk.links.write_manifest(NAME, DIGEST, b"{}", ())
    await disk.links.write_layer(NAME, DIGEST)
    for key in (
        f"{HERE}/_manifests/tags/-bad/current/link",
        f"{HERE}/_manifests/tags/.DS_Store",
        f"{HERE}/_manifests/revisions/sha256/abc/link",
        f"{HERE}/_manifests/revisions/sha256/{DIGEST.hex}/signatures/sha256/abc/link",
        f"{HERE}/_layers/sha256/.DS_Store",
        f"{V2}/repositories/UPPER/_layers/sha256/{DIGEST.hex}/link",
        f"{V2}/repositories/host:5000/x/_layers/sha256/{DIGEST.hex}/link",
        f"{V2}/repositories/lost+found",
        "scheduler-state.json",
    ):
        put(root, key, DIGEST)
    (root / HERE / f"_layers/sha256/{LONG.hex[:64]}").mkdir()
    assert [name async for name in disk.links.repositories()] == [NAME]
    assert await disk.links.list_tags(NAME) == ["v1"]
    assert await disk.links.list_revisions(NAME) == [DIGEST]
    assert await disk.links.list_layers(NAME) == [DIGEST]


async def test_longest_names(root: Path, disk: Storage) -> None:
    """Names and tags of the greatest length that the grammar allows can be kept."""
    for name in (RepositoryName.parse("a" * 255), RepositoryName.parse("/".join(["b"] * 128))):
        tag = Tag.parse("t" * 128)
        await disk.links.write_manifest(name, LONG, b"{}", (tag,))
        assert await disk.links.read_tag(name, tag) == LONG
        upload = await disk.uploads.start(name, "sha512")
        assert (root / V2 / "repositories" / name / "_uploads" / str(upload)).is_dir()


async def test_a_link_to_other_bytes_is_none(root: Path, disk: Storage) -> None:
    """A link that holds another digest of the same algorithm is damaged: the blob counts as not held."""
    right, wrong = await store(disk, b"right"), await store(disk, b"wrong")
    link = root / layout.layer_link(NAME, right)
    assert await disk.links.read_layer(NAME, right) == right
    link.write_text(wrong)
    assert await disk.links.read_layer(NAME, right) is None
    assert await disk.links.read_layer(NAME, wrong) == wrong
