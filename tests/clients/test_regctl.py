# SPDX-License-Identifier: Apache-2.0
"""regctl copies images with what refers to them, and manages tags, blobs and artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from support import images, programs, transfer
from support.layouts import assert_layout_holds, write_layout

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from support.server import Server

pytestmark = pytest.mark.clients

SBOM = "application/vnd.example.sbom"


class Regctl(Protocol):
    def __call__(self, *arguments: str, stdin: bytes | None = None, fails: bool = False) -> str: ...


@pytest.fixture
def regctl(registry: Server, tmp_path: Path) -> Regctl:
    """regctl with settings of its own, which know that the registry speaks plain HTTP."""
    settings = {"REGCTL_CONFIG": str(tmp_path / "regctl.json")}

    def run(*arguments: str, stdin: bytes | None = None, fails: bool = False) -> str:
        command = ["regctl", "--host", f"reg={registry.host},tls=disabled", *arguments]
        return programs.run(command, stdin=stdin, env=settings, cwd=tmp_path, fails=fails).strip()

    return run


def test_push_and_pull(regctl: Regctl, reference: str, tmp_path: Path) -> None:
    """regctl pushes an image from disk and pulls it to disk again, every byte the same."""
    made = images.image(layers=3)
    write_layout(tmp_path / "source", made)
    regctl("image", "copy", "ocidir://source:1.0", f"{reference}:1.0")
    assert regctl("image", "digest", f"{reference}:1.0") == made.digest
    regctl("image", "copy", f"{reference}:1.0", "ocidir://target:1.0")
    assert_layout_holds(tmp_path / "target", made)


def test_copy_an_index_with_referrers(regctl: Regctl, reference: str, repository: str, wire: httpx.Client) -> None:
    """An index goes to another repository with its platforms and with what refers to it."""
    made = transfer.push(wire, f"{repository}/a", images.index(), "1.0")
    sbom = transfer.push(wire, f"{repository}/a", images.artifact(SBOM, subject=made))
    regctl("image", "copy", "--referrers", f"{reference}/a:1.0", f"{reference}/b:1.0")
    transfer.assert_serves(wire, f"{repository}/b", made, ["1.0"])
    transfer.assert_serves(wire, f"{repository}/b", sbom)
    listed = regctl("artifact", "list", "--format", "{{range .Descriptors}}{{.Digest}}{{end}}", f"{reference}/b:1.0")
    assert listed == sbom.digest


def test_artifacts(regctl: Regctl, reference: str, repository: str, wire: httpx.Client) -> None:
    """What regctl attaches to an image it gets back by type."""
    transfer.push(wire, repository, images.image(), "1.0")
    regctl("artifact", "put", "--artifact-type", SBOM, "--subject", f"{reference}:1.0", stdin=b"bill of materials")
    got = regctl("artifact", "get", "--subject", f"{reference}:1.0", "--filter-artifact-type", SBOM)
    assert got == "bill of materials"


def test_tags(regctl: Regctl, reference: str, repository: str, wire: httpx.Client) -> None:
    """A tag that was listed is not after it was deleted; the other one stays."""
    made = transfer.push(wire, repository, images.image(), "a")
    transfer.push_manifest(wire, repository, made, "b")
    assert regctl("tag", "ls", reference).splitlines() == ["a", "b"]
    regctl("tag", "delete", f"{reference}:a")
    assert regctl("tag", "ls", reference).splitlines() == ["b"]
    assert regctl("image", "digest", f"{reference}:b") == made.digest


def test_blobs(regctl: Regctl, reference: str, repository: str, wire: httpx.Client) -> None:
    """A blob put by regctl is there byte for byte; one of an unknown digest is refused."""
    content = images.blob(300_000)
    assert regctl("blob", "put", reference, stdin=content.data) == content.digest
    assert transfer.pull_blob(wire, repository, content.digest) == content.data
    assert "not found" in regctl("blob", "get", reference, images.blob().digest, fails=True)


def test_create_an_index(regctl: Regctl, reference: str, repository: str, wire: httpx.Client) -> None:
    """regctl makes an index of two platforms that lie in the repository already."""
    made = transfer.push(wire, repository, images.index(), "all")
    children = [f"--digest={child.digest}" for child in made.children]
    regctl("index", "create", *children, f"{reference}:new")
    served = transfer.pull_manifest(wire, repository, "new")
    assert served.media_type == images.OCI_INDEX
    assert all(child.digest.encode() in served.data for child in made.children)
