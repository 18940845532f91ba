# SPDX-License-Identifier: Apache-2.0
"""crane pushes, pulls, copies, appends, lists and deletes."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from support import images, programs, transfer
from support.layouts import assert_layout_holds, write_layout

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from support.server import Server

pytestmark = pytest.mark.clients


def crane(*arguments: str | Path, fails: bool = False) -> str:
    return programs.run(["crane", *arguments], fails=fails).strip()


def test_push_and_pull(reference: str, tmp_path: Path) -> None:
    """crane pushes an image from disk, finds it valid, and pulls it to disk again, every byte the same."""
    made = images.image(layers=3)
    name = f"{reference}:1.0"
    assert crane("push", write_layout(tmp_path / "source", made), name).endswith(made.digest)
    assert crane("digest", name) == made.digest
    crane("validate", "--remote", name)
    crane("pull", "--format", "oci", name, tmp_path / "target")
    assert_layout_holds(tmp_path / "target", made)


def test_copy_a_multi_platform_index(reference: str, repository: str, wire: httpx.Client, tmp_path: Path) -> None:
    """An index goes from disk to one repository and to another with all its platforms, and one platform pulls."""
    made = images.index()
    first, second = f"{reference}/first:1.0", f"{reference}/second:1.0"
    crane("push", "--index", write_layout(tmp_path / "source", images.index([made])), first)
    crane("copy", f"{reference}/first@{made.digest}", second)
    transfer.assert_serves(wire, f"{repository}/second", made, ["1.0"])
    assert crane("digest", "--platform", "linux/arm64", second) == made.children[1].digest
    crane("pull", "--format", "oci", "--platform", "linux/arm64", second, tmp_path / "target")
    assert_layout_holds(tmp_path / "target", made.children[1])


def test_append_a_layer(reference: str, repository: str, wire: httpx.Client, tmp_path: Path) -> None:
    """A layer streamed to the registry without a length becomes the last one of a new image, which exports whole."""
    transfer.push(wire, repository, images.image(), "base")
    (tmp_path / "added.txt").write_text("added")
    with tarfile.open(tmp_path / "layer.tar", "w") as tar:
        tar.add(tmp_path / "added.txt", "added.txt")
    crane("append", "--base", f"{reference}:base", "--new_layer", tmp_path / "layer.tar", "--new_tag", f"{reference}:2")
    assert len(json.loads(crane("manifest", f"{reference}:2"))["layers"]) == 3
    crane("export", f"{reference}:2", tmp_path / "files.tar")
    with tarfile.open(tmp_path / "files.tar") as tar:
        member = tar.extractfile("added.txt")
        assert member is not None
        assert member.read() == b"added"


def test_lists(reference: str, repository: str, registry: Server, wire: httpx.Client) -> None:
    """Tags and repositories that were pushed are listed."""
    made = transfer.push(wire, repository, images.image(), "b")
    for tag in ("a", "c"):
        crane("tag", f"{reference}@{made.digest}", tag)
    assert sorted(crane("ls", reference).splitlines()) == ["a", "b", "c"]
    assert repository in crane("catalog", registry.host).splitlines()


def test_delete(reference: str, repository: str, wire: httpx.Client) -> None:
    """Deleting a tag leaves the image's other tag; deleting by digest ends the image; both were there before."""
    made = transfer.push(wire, repository, images.image(), "a")
    crane("tag", f"{reference}:a", "b")
    crane("delete", f"{reference}:a")
    assert "MANIFEST_UNKNOWN" in crane("manifest", f"{reference}:a", fails=True)
    assert crane("digest", f"{reference}:b") == made.digest
    crane("delete", f"{reference}@{made.digest}")
    assert "MANIFEST_UNKNOWN" in crane("manifest", f"{reference}:b", fails=True)
