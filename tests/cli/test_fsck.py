# SPDX-License-Identifier: Apache-2.0
"""``entrepot fsck``: what it finds, what it mends, and how it ends."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cli.conftest import Premises
from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUnknown
from entrepot.oci.names import Tag
from entrepot.storage import layout
from support import images
from support.houses import House, differences, plant, push, push_blob, read_blob
from support.images import Manifest
from support.rooms import NAME, OTHER

LATEST = Tag("latest")


@pytest.fixture
def image(premises: Premises) -> Manifest:
    """An image that was pushed as ``library/box:latest``."""
    content = images.image()

    async def fill(house: House) -> None:
        await push(house.registry, NAME, content, "latest")

    premises.work(fill)
    return content


def data(premises: Premises, digest: str) -> Path:
    """The file of a blob."""
    return premises.root / layout.blob_data(Digest(digest))


def test_nothing_is_wrong(premises: Premises, image: Manifest) -> None:
    """On a good registry it finds nothing and ends with 0, and says what it looked at; a repair changes nothing."""
    assert premises.check() == premises.check("--full") == premises.check("--repair") == []
    said = premises.run("--full")
    assert "1 repositories and 4 blobs; read all manifests and 4 blobs" in said.stdout
    assert "0 errors, 0 warnings" in said.stdout
    assert image.digest not in said.stdout


def test_an_empty_registry(premises: Premises) -> None:
    """Nothing is wrong with nothing; no index is made by looking."""
    assert premises.check() == []
    assert not (premises.root / "entrepot/index.sqlite3").exists()


def test_what_cannot_be_checked(premises: Premises, tmp_path: Path) -> None:
    """Storage in memory, a directory that is not there, a broken configuration and odd options end with 2 and a
    sentence.
    """
    for text, words in (
        ("version: 0.1\nstorage: {inmemory: {}}\n", "lives in the server's process"),
        (f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/gone}}}}\n", "start the registry once"),
        ("version: 7\n", "configuration cannot be used"),
    ):
        premises.config.write_text(text)
        for options in ([], ["--repair"]):
            said = premises.run(*options)
            assert said.exit_code == 2
            assert words in said.stderr
            assert said.stdout == ""
    assert premises.run("--full", "--sample", "3").exit_code == 2
    assert premises.run("--sample", "-1").exit_code == 2


def test_read_only(premises: Premises, image: Manifest) -> None:
    """While the registry is read-only it is checked, and not repaired."""
    layer = data(premises, image.blobs[1].digest)
    layer.write_bytes(b"wrong")
    text = premises.config.read_text().replace("storage: {", "storage: {maintenance: {readonly: {enabled: true}}, ")
    premises.config.write_text(text)
    assert premises.kinds() == ["wrong-bytes"]
    said = premises.run("--repair")
    assert (said.exit_code, said.stdout) == (2, "")
    assert "read-only" in said.stderr
    assert layer.read_bytes() == b"wrong"


def test_wrong_bytes_of_a_blob(premises: Premises, image: Manifest) -> None:
    """Bytes that changed without their size are found where they are read, with who needs them; a repair sets them
    aside, so that they are not served, keeps them, and the next push writes the right ones.
    """
    layer = image.blobs[1]
    wrong = bytes(layer.size)
    data(premises, layer.digest).write_bytes(wrong)
    assert premises.check("--sample", "0") == []
    (found,) = premises.check("--full")
    assert (found["kind"], found["severity"], found["where"]) == ("wrong-bytes", "error", layer.digest)
    assert str(layer.size) in found["detail"]
    assert images.digest_of(wrong) in found["detail"]
    assert found["needed_by"] == ["library/box", "library/box:latest"]
    (mended,) = [one for one in premises.check("--full", "--repair") if one["kind"] == "wrong-bytes"]
    kept = mended["done"].rpartition(" ")[2]
    assert (premises.root / kept).read_bytes() == wrong
    assert kept.startswith("entrepot/quarantine/sha256/")
    assert mended["remains"]
    assert premises.kinds("--full") == [
        "blob-without-bytes",
        "incomplete-image",
        "quarantined",
    ]

    async def push_again(house: House) -> None:
        with pytest.raises(BlobUnknown):
            await read_blob(house.registry, NAME, Digest(layer.digest))
        await push_blob(house.registry, NAME, layer.data)
        assert await read_blob(house.registry, NAME, Digest(layer.digest)) == layer.data
        assert await differences(house) == []

    premises.work(push_again)
    assert premises.kinds("--full") == ["quarantined"]


def test_a_truncated_blob_is_always_found(premises: Premises, image: Manifest) -> None:
    """A blob that has not the size that the index knows is read whatever the sample is."""
    os.truncate(data(premises, image.blobs[1].digest), 10)
    assert premises.kinds("--sample", "0") == ["wrong-bytes"]


def test_wrong_bytes_of_a_manifest(premises: Premises, image: Manifest) -> None:
    """The bytes of a manifest are always read; a repair takes them from the index and sets the wrong ones aside."""
    data(premises, image.digest).write_bytes(b"{}")
    (found,) = premises.check("--sample", "0")
    assert (found["kind"], found["where"]) == ("wrong-bytes", image.digest)
    (mended,) = premises.check("--sample", "0", "--repair")
    assert not mended["remains"]
    assert data(premises, image.digest).read_bytes() == image.data
    assert premises.kinds("--full") == ["quarantined"]


def test_a_manifest_without_bytes(premises: Premises, image: Manifest) -> None:
    """A manifest whose bytes are gone is taken from the index; where that does not know it, it stays an error."""
    data(premises, image.digest).unlink()
    assert premises.kinds() == ["blob-without-data", "manifest-without-bytes"]
    assert premises.check("--repair")[-1]["remains"] is False
    assert data(premises, image.digest).read_bytes() == image.data
    assert premises.check("--full") == []
    data(premises, image.digest).unlink()
    for path in (premises.root / "entrepot").glob("index.sqlite3*"):
        path.unlink()
    assert "manifest-without-bytes" in premises.kinds("--repair")


def test_an_incomplete_image(premises: Premises, image: Manifest) -> None:
    """An image whose repository does not hold a layer is an error that names the layer and the tag."""
    gone = Digest(image.blobs[2].digest)
    (premises.root / layout.layer_link(NAME, gone)).unlink()
    found = {one["kind"]: one for one in premises.check()}
    assert found.keys() == {"incomplete-image", "index-differs"}
    assert f"1 of 3 blobs are not there: {gone}" in found["incomplete-image"]["detail"]
    assert found["incomplete-image"]["needed_by"] == ["library/box:latest"]
    assert premises.kinds("--repair") == ["incomplete-image", "index-differs"]
    assert premises.kinds() == ["incomplete-image"]


def test_an_incomplete_index(premises: Premises) -> None:
    """An index one of whose images is gone is a warning."""
    content = images.index()

    async def fill(house: House) -> None:
        await push(house.registry, NAME, content, "latest")
        await house.storage.links.remove_revisions(NAME, [Digest(content.children[0].digest)])

    premises.work(fill)
    assert premises.kinds("--repair") == ["incomplete-index", "index-differs"]
    assert premises.kinds() == ["incomplete-index"]


def test_index_and_storage_differ(premises: Premises, image: Manifest) -> None:
    """What another program pushed, moved and removed is told name by name; a repair tells the index."""
    other = images.image()

    async def change(house: House) -> None:
        await plant(house.storage, OTHER, other, "1.0")
        links = house.storage.links
        await links.remove_tags(NAME, [LATEST])
        await links.remove_revisions(NAME, [Digest(image.digest)])

    premises.work(change)
    found = {one["where"]: one["detail"] for one in premises.check() if one["kind"] == "index-differs"}
    assert found == {
        f"library/box manifest {image.digest}": "the index knows it, storage does not hold it",
        "library/box tag latest": "the index knows it, storage does not hold it",
        f"library/other manifest {other.digest}": "storage holds it, the index does not know it",
        "library/other tag 1.0": "storage holds it, the index does not know it",
        **{f"library/other blob {blob.digest}": "storage holds it, the index does not know it" for blob in other.blobs},
    }
    assert not any(one["remains"] for one in premises.check("--repair") if one["kind"] == "index-differs")
    assert premises.check("--full") == []


def test_without_an_index(premises: Premises) -> None:
    """A directory that only registry:2 has served is checked whole; a repair adopts it."""
    content = images.image()

    async def fill(house: House) -> None:
        await plant(house.storage, NAME, content, "latest")

    premises.work(fill)
    for path in (premises.root / "entrepot").glob("index.sqlite3*"):
        path.unlink()
    data(premises, content.blobs[0].digest).write_bytes(b"wrong")
    assert premises.kinds() == ["not-adopted", "wrong-bytes"]
    assert not (premises.root / "entrepot/index.sqlite3").exists()
    found = premises.check("--repair")
    assert [one["needed_by"] for one in found if one["kind"] == "wrong-bytes"] == [
        ["library/box", "library/box:latest"]
    ]
    assert (premises.root / "entrepot/index.sqlite3").exists()
    assert "not-adopted" not in premises.kinds()


def test_links_of_a_crash(premises: Premises, image: Manifest) -> None:
    """Empty links of blobs and manifests are written again, since the bytes prove them; a tag's is told and stays."""
    layer, manifest = Digest(image.blobs[1].digest), Digest(image.digest)
    for key in (layout.layer_link(NAME, layer), layout.revision_link(NAME, manifest)):
        (premises.root / key).write_bytes(b"")
    assert premises.kinds().count("empty-link") == 2
    assert {one["remains"] for one in premises.check("--repair") if one["kind"] == "empty-link"} == {False}
    assert (premises.root / layout.layer_link(NAME, layer)).read_text() == layer
    assert premises.check("--full") == []
    tag = premises.root / layout.tag_current(NAME, LATEST)
    tag.write_bytes(b"")
    assert "empty-link" in premises.kinds("--repair")
    assert premises.kinds() == ["empty-link"]
    assert tag.read_bytes() == b""


def test_empty_links_to_wrong_bytes(premises: Premises, image: Manifest) -> None:
    """An empty link is not written again where its bytes are wrong."""
    layer = Digest(image.blobs[1].digest)
    link = premises.root / layout.layer_link(NAME, layer)
    link.write_bytes(b"")
    data(premises, layer).write_bytes(b"wrong")
    assert "empty-link" in premises.kinds("--repair")
    assert link.read_bytes() == b""


def test_broken_links_and_tags(premises: Premises, image: Manifest) -> None:
    """A link that holds no digest is told and left alone, and so is a tag that points to nothing."""
    tags = premises.root / layout.tags(NAME)
    for tag, content in (("broken", "no digest"), ("nowhere", Digest.of(b"nowhere"))):
        (tags / tag / "current").mkdir(parents=True)
        (tags / tag / "current/link").write_text(content)
    assert premises.kinds("--repair") == ["broken-link", "tag-without-manifest"]
    assert (tags / "broken/current/link").read_text() == "no digest"
    assert premises.kinds("--full") == ["broken-link", "tag-without-manifest"]

    async def pull(house: House) -> None:
        assert (await house.registry.manifests.get(NAME, LATEST)).digest == image.digest

    premises.work(pull)


def test_remains_of_tags(premises: Premises, image: Manifest) -> None:
    """A tag's directory that has nothing but history is removed by a repair; one with anything else in it is not."""
    tags = premises.root / layout.tags(NAME)
    history = f"index/sha256/{Digest(image.digest).hex}"
    for tag in ("bare", "full"):
        (tags / tag / history).mkdir(parents=True)
        (tags / tag / history / "link").write_text(image.digest)
    (tags / "full" / history / "thesis.txt").write_text("ten years of work")
    assert premises.kinds() == ["remains", "remains"]
    assert premises.kinds("--repair") == ["remains", "remains"]
    assert not (tags / "bare").exists()
    assert (tags / "full" / history / "thesis.txt").read_text() == "ten years of work"
    assert premises.kinds() == ["remains"]


def test_bad_manifests(premises: Premises) -> None:
    """Manifests that are no JSON, of schema 1, or too large are told with the reason."""
    payloads = [b"not json", b'{"schemaVersion": 1}', b" " * (4 * 1024 * 1024 + 1)]

    async def fill(house: House) -> None:
        for payload in payloads:
            await house.storage.links.write_manifest(NAME, Digest.of(payload), payload, ())

    premises.work(fill)
    found = premises.check()
    assert [one["kind"] for one in found if one["severity"] != "information"] == ["bad-manifest"] * 3
    words = " ".join(one["detail"] for one in found)
    assert "not JSON" in words
    assert "schema 1" in words
    assert "at most 4194304" in words


def test_sizes_in_the_index(premises: Premises, image: Manifest) -> None:
    """A blob whose size the index has wrong, while its bytes are right, is told to it by a repair."""
    layer = image.blobs[1]

    async def lie(house: House) -> None:
        held = await house.index.lookups.blob(NAME, Digest(layer.digest))
        assert held is not None
        await house.index.blobs.link(NAME, Digest(layer.digest), replace(held, size=7))

    premises.work(lie)
    assert premises.kinds("--sample", "0") == ["size-differs"]
    assert premises.kinds("--repair") == ["size-differs"]
    assert premises.check("--full") == []


def test_what_is_only_told(premises: Premises, image: Manifest) -> None:
    """Uploads under way, stray files, bytes that nobody holds are information: it ends with 0, and a repair leaves
    them.
    """

    async def fill(house: House) -> None:
        await house.storage.uploads.start(NAME, "sha256")

    premises.work(fill)
    orphan = data(premises, images.blob().digest)
    orphan.parent.mkdir(parents=True)
    (premises.root / layout.REPOSITORIES / "notes.txt").write_text("mine")
    assert premises.kinds() == ["blob-without-data", "stray", "upload"]
    orphan.write_bytes(b"x")
    assert premises.kinds("--sample", "0") == ["blob-without-row", "stray", "upload"]
    assert premises.kinds("--repair", "--sample", "0") == ["blob-without-row", "stray", "upload"]
    assert (premises.root / layout.REPOSITORIES / "notes.txt").read_text() == "mine"
    assert image.digest


def test_names_are_shown_harmless(premises: Premises, image: Manifest) -> None:
    """Control characters and bytes that are no text do not reach a terminal; nor does what a symlink leads to."""
    secret = premises.root.parent / "secret"
    secret.write_text("hunter2")
    repositories = os.fsencode(premises.root / layout.REPOSITORIES)
    for name in (b"\x1b]0;owned\x07", b"two\nlines", b"\xff\xfe", b"back\\slash", b"\xe2\x80\xaetxt"):
        os.mkdir(repositories + b"/" + name)
    link = premises.root / layout.layer_link(NAME, Digest(image.blobs[1].digest))
    link.unlink()
    link.symlink_to(secret)
    for options in ([], ["--json"], ["--repair"]):
        said = premises.run(*options).output
        assert "hunter2" not in said
        assert all(letter.isprintable() or letter == "\n" for letter in said)
        assert "owned" in said
    assert r"\x1b]0;owned\x07" in premises.run().stdout
    assert r"two\nlines" in premises.run().stdout
    assert r"\udcff\udcfe" in premises.run().stdout
    assert r"back\\slash" in premises.run().stdout


def test_lines_for_people(premises: Premises, image: Manifest) -> None:
    """Findings are grouped by kind, the worst first, each group with its severity, its number and what to do."""
    data(premises, image.blobs[1].digest).write_bytes(b"wrong")
    for name in ("b", "a"):
        (premises.root / layout.REPOSITORIES / name).write_text("")
    said = premises.run().stdout.splitlines()
    assert said[0] == "error: bytes that have another digest than their name (1)"
    assert said[1].startswith("  what to do: ")
    assert "needed by library/box, library/box:latest" in said[2]
    assert said[4].startswith("information: ")
    assert [line.rpartition("/")[2] for line in said[6:8]] == ["a", "b"]
    assert said[-1] == "1 errors, 0 warnings, 2 for information; 0 more mended."
