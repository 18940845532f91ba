# SPDX-License-Identifier: Apache-2.0
"""Registries full of images, written straight into distribution's layout on disk, as if they had been pushed.

Every tag has a manifest of its own, so that no cache can answer for many tags with one payload; all manifests share
one config and two layers. Each server gets a copy of its own.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_REPOSITORIES_PER_TEAM = 100


@dataclass(frozen=True)
class Blob:
    """Bytes with their digest."""

    content: bytes
    hex: str

    @property
    def digest(self) -> str:
        """The digest as it is written in manifests and paths."""
        return f"sha256:{self.hex}"

    @classmethod
    def of(cls, content: bytes) -> "Blob":
        """Digest some bytes."""
        return cls(content, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Shape:
    """How much there is: so many repositories with so many tags each."""

    repositories: int
    tags_each: int

    @property
    def tags(self) -> int:
        """All tags together."""
        return self.repositories * self.tags_each

    def names(self) -> list[str]:
        """The names of the repositories, of one width, so that every way of ordering them gives one order."""
        return [f"team-{n // _REPOSITORIES_PER_TEAM:04}/app-{n:06}" for n in range(self.repositories)]

    def tag_names(self) -> list[str]:
        """The tags that each repository has."""
        width = max(2, len(str(self.tags_each - 1)))
        return [f"v1.{n:0{width}}" for n in range(self.tags_each)]

    def manifest_paths(self) -> Iterator[str]:
        """The path of every manifest by tag."""
        return (f"/v2/{name}/manifests/{tag}" for name in self.names() for tag in self.tag_names())


CONFIG = Blob.of(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers"}}).encode())
LAYERS = tuple(Blob.of(f"benchmark layer {n}".encode() * 100) for n in (1, 2))


def manifest(config: Blob, layers: tuple[Blob, ...], title: str) -> Blob:
    """Make an image manifest; the title tells it from all others."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": _CONFIG_TYPE, "digest": config.digest, "size": len(config.content)},
        "layers": [{"mediaType": _LAYER_TYPE, "digest": layer.digest, "size": len(layer.content)} for layer in layers],
        "annotations": {"org.opencontainers.image.title": title},
    }
    return Blob.of(json.dumps(document, separators=(",", ":")).encode())


def write_registry(root: Path, shape: Shape) -> None:
    """Write a registry of this shape under `root`, the root directory of distribution's filesystem driver."""
    base = root / "docker/registry/v2"
    blobs, repositories = f"{base}/blobs/sha256", f"{base}/repositories"
    os.makedirs(repositories)
    for prefix in range(256):
        os.makedirs(f"{blobs}/{prefix:02x}")
    shared = (CONFIG, *LAYERS)
    for blob in shared:
        _write_blob(blobs, blob)
    for name in shape.names():
        home = f"{repositories}/{name}"
        for blob in shared:
            _write_link(f"{home}/_layers/sha256/{blob.hex}", blob)
        os.makedirs(f"{home}/_manifests/revisions/sha256")
        os.mkdir(f"{home}/_manifests/tags")
        for tag in shape.tag_names():
            image = manifest(CONFIG, LAYERS, f"{name}:{tag}")
            _write_blob(blobs, image)
            _write_tag(f"{home}/_manifests", tag, image)


def _write_tag(manifests: str, tag: str, image: Blob) -> None:
    home = f"{manifests}/tags/{tag}"
    for directory in (home, f"{home}/index", f"{home}/index/sha256"):
        os.mkdir(directory)
    links = (f"{manifests}/revisions/sha256/{image.hex}", f"{home}/index/sha256/{image.hex}", f"{home}/current")
    for directory in links:
        os.mkdir(directory)
        _write_file(f"{directory}/link", image.digest.encode())


def _write_link(directory: str, blob: Blob) -> None:
    os.makedirs(directory)
    _write_file(f"{directory}/link", blob.digest.encode())


def _write_blob(blobs: str, blob: Blob) -> None:
    directory = f"{blobs}/{blob.hex[:2]}/{blob.hex}"
    os.mkdir(directory)
    _write_file(f"{directory}/data", blob.content)


def _write_file(path: str, content: bytes) -> None:
    # Plain system calls: pathlib and buffered files would double the time of half a million of them.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        os.write(handle, content)
    finally:
        os.close(handle)


def write_copies(roots: list[Path], shape: Shape) -> None:
    """Write the same registry at several places, one process for each, and have it on the disk before going on."""
    with ProcessPoolExecutor(max_workers=max(1, len(roots)), mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(write_registry, root, shape) for root in roots]:
            done.result()
    os.sync()
