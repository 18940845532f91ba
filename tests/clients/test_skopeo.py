# SPDX-License-Identifier: Apache-2.0
"""skopeo copies, inspects, lists and deletes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.containers import PLAIN_HTTP
from support.layouts import assert_layout_holds, write_directory, write_layout

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from support.containers import Containers

pytestmark = pytest.mark.clients


@pytest.mark.parametrize("style", ["oci", "docker"])
def test_push_and_pull(containers: Containers, reference: str, tmp_path: Path, style: images.Style) -> None:
    """skopeo pushes an image from disk and pulls it to disk again with every byte the same."""
    made = images.image(layers=3, style=style)
    source, target = write_directory(tmp_path / "source", made), tmp_path / "target"
    remote = f"docker://{reference}:1.0"
    containers.skopeo("copy", "--preserve-digests", "--dest-tls-verify=false", f"dir:{source}", remote)
    containers.skopeo("copy", "--preserve-digests", "--src-tls-verify=false", remote, f"dir:{target}")
    for path in source.iterdir():
        assert (target / path.name).read_bytes() == path.read_bytes()


def test_copy_a_multi_platform_index(
    containers: Containers, reference: str, repository: str, wire: httpx.Client, tmp_path: Path
) -> None:
    """An index with all its platforms goes from disk to one repository, to another, and back to disk, unchanged."""
    made = images.index([images.index(), images.image(platform="linux/s390x")])
    made = images.index([*made.children[0].children, made.children[1]])
    source = f"oci:{write_layout(tmp_path / 'source', made)}:1.0"
    first, second = f"docker://{reference}/first:1.0", f"docker://{reference}/second:1.0"
    copy = ("copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false")
    containers.skopeo(*copy, source, first)
    containers.skopeo(*copy, first, second)
    for name in ("first", "second"):
        transfer.assert_serves(wire, f"{repository}/{name}", made, ["1.0"])
    containers.skopeo(*copy, second, f"oci:{tmp_path / 'target'}:1.0")
    assert_layout_holds(tmp_path / "target", made)


def test_inspect_and_list_tags(containers: Containers, reference: str, repository: str, wire: httpx.Client) -> None:
    """skopeo sees the digest, the layers and all 120 tags of a repository."""
    made = transfer.push(wire, repository, images.image(), "1.0")
    tags = [f"t{number:03}" for number in range(119)]
    for tag in tags:
        transfer.push_manifest(wire, repository, made, tag)
    seen = json.loads(containers.skopeo("inspect", PLAIN_HTTP, f"docker://{reference}:1.0"))
    assert seen["Digest"] == made.digest
    assert seen["Layers"] == [layer["digest"] for layer in made.document["layers"]]
    listed = json.loads(containers.skopeo("list-tags", PLAIN_HTTP, f"docker://{reference}"))
    assert listed["Tags"] == sorted([*tags, "1.0"])


def test_delete(containers: Containers, reference: str, repository: str, wire: httpx.Client) -> None:
    """What skopeo deletes was there and is gone."""
    transfer.push(wire, repository, images.image(), "1.0")
    assert containers.skopeo("inspect", PLAIN_HTTP, f"docker://{reference}:1.0")
    containers.skopeo("delete", PLAIN_HTTP, f"docker://{reference}:1.0")
    said = containers.skopeo("inspect", PLAIN_HTTP, f"docker://{reference}:1.0", fails=True)
    assert "manifest unknown" in said
