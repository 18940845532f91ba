# SPDX-License-Identifier: Apache-2.0
"""Small images, indexes and artifacts made in pure Python, of random content, so that no two tests share a blob."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import secrets
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Style = Literal["oci", "docker"]

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCTETS = "application/octet-stream"

_MANIFEST: dict[Style, str] = {"oci": OCI_MANIFEST, "docker": DOCKER_MANIFEST}
_INDEX: dict[Style, str] = {"oci": OCI_INDEX, "docker": DOCKER_LIST}
_CONFIG: dict[Style, str] = {"oci": OCI_CONFIG, "docker": DOCKER_CONFIG}
_LAYER: dict[Style, str] = {"oci": OCI_LAYER, "docker": DOCKER_LAYER}


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """The digest of these bytes as it is written on the wire."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes with the media type and the digest by which others refer to them."""

    data: bytes
    media_type: str = OCTETS
    algorithm: str = "sha256"

    @property
    def digest(self) -> str:
        return digest_of(self.data, self.algorithm)

    @property
    def size(self) -> int:
        return len(self.data)

    def descriptor(self, **more: Any) -> dict[str, Any]:
        """How a manifest refers to these bytes; `more` adds fields (platform, annotations, artifactType)."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size, **more}


@dataclass(frozen=True, slots=True)
class Manifest(Content):
    """A manifest or index, with the blobs and child manifests that must be pushed before it."""

    blobs: tuple[Content, ...] = ()
    children: tuple[Manifest, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """The manifest as parsed JSON."""
        parsed: dict[str, Any] = json.loads(self.data)
        return parsed

    def walk(self) -> Iterator[Manifest]:
        """Every manifest below this one, children before parents, itself last."""
        for child in self.children:
            yield from child.walk()
        yield self


def blob(size: int = 1024, algorithm: str = "sha256") -> Content:
    """Random bytes."""
    return Content(secrets.token_bytes(size), OCTETS, algorithm)


def layer(size: int = 1024, *, style: Style = "oci", algorithm: str = "sha256") -> tuple[Content, str]:
    """A gzipped tar archive with one random file, as a client can unpack it, and the digest of the tar in it."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo(f"random/{secrets.token_hex(8)}")
        entry.size = size
        archive.addfile(entry, io.BytesIO(secrets.token_bytes(size)))
    return Content(gzip.compress(tar.getvalue(), mtime=0), _LAYER[style], algorithm), digest_of(tar.getvalue())


def image(
    *,
    layers: int = 2,
    size: int = 1024,
    style: Style = "oci",
    platform: str = "linux/amd64",
    algorithm: str = "sha256",
    annotations: dict[str, str] | None = None,
    subject: Content | None = None,
) -> Manifest:
    """An image of random layers that a client can pull and unpack (and, having no program, not run)."""
    made = [layer(size, style=style, algorithm=algorithm) for _ in range(layers)]
    system, architecture = platform.split("/", 1)
    config = Content(
        _json(
            {
                "os": system,
                "architecture": architecture,
                "config": {"Labels": {"random": secrets.token_hex(8)}},
                "rootfs": {"type": "layers", "diff_ids": [inner for _, inner in made]},
                "history": [{"created_by": "test"} for _ in made],
            }
        ),
        _CONFIG[style],
        algorithm,
    )
    document = {
        "config": config.descriptor(),
        "layers": [content.descriptor() for content, _ in made],
    }
    blobs = (config, *(content for content, _ in made))
    return manifest(document, _MANIFEST[style], algorithm, blobs=blobs, annotations=annotations, subject=subject)


def artifact(
    artifact_type: str = "application/vnd.example.sbom",
    *,
    subject: Content | None = None,
    size: int = 256,
    annotations: dict[str, str] | None = None,
    algorithm: str = "sha256",
) -> Manifest:
    """An OCI artifact with an empty config and one random file; with `subject`, a referrer of it."""
    config = Content(b"{}", OCI_EMPTY, algorithm)
    content = blob(size, algorithm)
    document = {"artifactType": artifact_type, "config": config.descriptor(), "layers": [content.descriptor()]}
    blobs = (config, content)
    return manifest(document, OCI_MANIFEST, algorithm, blobs=blobs, annotations=annotations, subject=subject)


def index(
    children: Sequence[Manifest] | None = None,
    *,
    style: Style = "oci",
    algorithm: str = "sha256",
    annotations: dict[str, str] | None = None,
    subject: Content | None = None,
) -> Manifest:
    """An index (docker: manifest list) of these manifests, or of an image for amd64 and one for arm64."""
    if children is None:
        platforms = ("linux/amd64", "linux/arm64")
        children = [image(platform=platform, style=style, algorithm=algorithm) for platform in platforms]
    document = {"manifests": [_child(each) for each in children]}
    media_type = _INDEX[style]
    below = tuple(children)
    return manifest(document, media_type, algorithm, children=below, annotations=annotations, subject=subject)


def manifest(
    document: dict[str, Any],
    media_type: str = OCI_MANIFEST,
    algorithm: str = "sha256",
    *,
    blobs: tuple[Content, ...] = (),
    children: tuple[Manifest, ...] = (),
    annotations: dict[str, str] | None = None,
    subject: Content | None = None,
) -> Manifest:
    """Any document as a manifest; fields given in it win over the ones that are filled in."""
    filled: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type}
    if subject is not None:
        filled["subject"] = subject.descriptor()
    if annotations:
        filled["annotations"] = annotations
    return Manifest(_json({**filled, **document}), media_type, algorithm, blobs, children)


def _child(child: Manifest) -> dict[str, Any]:
    if child.children or not child.blobs or child.blobs[0].media_type not in _CONFIG.values():
        return child.descriptor()
    config = json.loads(child.blobs[0].data)
    return child.descriptor(platform={"os": config["os"], "architecture": config["architecture"]})


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2).encode()
