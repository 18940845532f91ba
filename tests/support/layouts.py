# SPDX-License-Identifier: Apache-2.0
"""OCI image layouts on disk: what clients push from and pull to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.images import Manifest, digest_of

if TYPE_CHECKING:
    from pathlib import Path


def write_layout(directory: Path, content: Manifest, tag: str = "1.0") -> Path:
    """Write a manifest with all below it as an OCI layout, under the name `tag`; returns the directory."""
    for each in content.walk():
        for part in (each, *each.blobs):
            path = _blob(directory, part.digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(part.data)
    named = content.descriptor(annotations={"org.opencontainers.image.ref.name": tag})
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return directory


def write_directory(directory: Path, content: Manifest) -> Path:
    """Write one image in skopeo's `dir:` form, which keeps manifests of every type; returns the directory."""
    directory.mkdir(parents=True)
    (directory / "version").write_text("Directory Transport Version: 1.1\n")
    (directory / "manifest.json").write_bytes(content.data)
    for blob in content.blobs:
        (directory / blob.digest.partition(":")[2]).write_bytes(blob.data)
    return directory


def assert_layout_holds(directory: Path, content: Manifest) -> None:
    """The layout names this manifest and holds it and everything below it, byte for byte."""
    named = [each["digest"] for each in json.loads((directory / "index.json").read_text())["manifests"]]
    assert content.digest in named, f"{content.digest} is not among {named}"
    for each in content.walk():
        for part in (each, *each.blobs):
            data = _blob(directory, part.digest).read_bytes()
            assert digest_of(data, part.algorithm) == part.digest


def _blob(directory: Path, digest: str) -> Path:
    algorithm, _, encoded = digest.partition(":")
    return directory / "blobs" / algorithm / encoded
