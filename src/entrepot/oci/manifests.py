# SPDX-License-Identifier: Apache-2.0
"""Manifests: bytes and a content type in, a checked immutable value out (image-spec; compat.md 9.1, 9.2).

Only what the registry acts on is read; everything else in the document is left alone, since the exact bytes are kept.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NoReturn, cast

from entrepot.oci import media
from entrepot.oci.digests import Digest
from entrepot.oci.errors import DigestInvalid, ManifestInvalid

MAX_MANIFEST = 4 * 1024 * 1024
"""Bytes of a manifest; more is 413 (distribution-spec, "Pushing manifests")."""

MAX_CONTAINERS = 100_000
"""Lists and objects (or such brackets in strings): 20,000 descriptors with platform and annotations hold 60,000, and a
million of them take the interpreter half a second, in which it answers nobody."""

MAX_DESCRIPTORS = 20_000
"""Blobs and children of one manifest: four times what fits the largest image seen, and bounds the pins of a push."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of a blob or of another manifest. ``platform`` is (os, architecture) where it is given."""

    media_type: str
    digest: Digest
    size: int
    urls: tuple[str, ...] = ()
    platform: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A valid manifest. ``artifact_type`` is what a referrers list says of it (distribution-spec, end-12a)."""

    media_type: str
    digest: Digest
    payload: bytes
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    children: tuple[Descriptor, ...] = ()
    subject: Digest | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Config and layers."""
        return (self.config, *self.layers) if self.config else self.layers


def parse_manifest(payload: bytes, content_type: str = "", digest: Digest | None = None) -> Manifest:
    """Check ``payload``; ``content_type`` empty means that the document speaks for itself.

    ``digest`` is what the caller expects (default: sha256 of the payload); raises :class:`DigestInvalid` where the
    bytes have another, and :class:`ManifestInvalid` for everything else that is wrong.
    """
    actual = Digest.of(payload, digest.algorithm if digest else "sha256")
    if digest is not None and actual != digest:
        raise DigestInvalid(f"the manifest's digest is {actual}, not {digest}")
    document = _load(payload)
    media_type = _media_type(document, media.strip_parameters(content_type))
    if document.get("schemaVersion") != 2:
        raise ManifestInvalid("schemaVersion must be 2")
    if media_type in media.INDEXES:
        return _index(document, media_type, actual, payload)
    return _image(document, media_type, actual, payload)


def _load(payload: bytes) -> dict[str, object]:
    if payload.count(b"[") + payload.count(b"{") > MAX_CONTAINERS:
        raise ManifestInvalid(
            f"the manifest holds more than {MAX_CONTAINERS} lists and objects, or is nested too deeply"
        )
    try:
        document: object = json.loads(payload.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ManifestInvalid("the manifest is not UTF-8") from error
    except RecursionError as error:
        raise ManifestInvalid("the manifest is nested too deeply") from error
    except ValueError as error:
        raise ManifestInvalid(f"the manifest is not JSON: {str(error)[:200]}") from error
    if not isinstance(document, dict):
        raise ManifestInvalid("the manifest is not a JSON object")
    return cast(dict[str, object], document)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _media_type(document: dict[str, object], content_type: str) -> str:
    claimed = document.get("mediaType")
    if claimed is not None and not isinstance(claimed, str):
        raise ManifestInvalid("mediaType must be a string")
    if document.get("schemaVersion") == 1 or content_type in media.SCHEMA1:
        raise ManifestInvalid(
            "Docker schema 1 is not served. Convert the image: pull it with docker 20.10 or older and push it again, "
            "or copy it with: skopeo copy --format v2s2 docker://SOURCE docker://TARGET"
        )
    if claimed and content_type and content_type != claimed:
        raise ManifestInvalid(
            f"Content-Type is {content_type[:100]!r}, but the manifest says mediaType {claimed[:100]!r}"
        )
    media_type = content_type or claimed or _guess(document)
    if media_type not in media.MANIFESTS:
        raise ManifestInvalid(
            f"{media_type[:100]!r} is not a manifest type that is served; "
            f"those are {', '.join(sorted(media.MANIFESTS))}"
        )
    if not claimed and media_type in {media.DOCKER_MANIFEST, media.DOCKER_LIST}:
        raise ManifestInvalid(f"a {media_type} must say so in its mediaType")
    return media_type


def _guess(document: dict[str, object]) -> str:
    """As its pusher's Content-Type said, which storage does not keep: Go writes empty lists as null on either kind."""
    return media.OCI_INDEX if "manifests" in document and document.get("config") is None else media.OCI_MANIFEST


def _image(document: dict[str, object], media_type: str, digest: Digest, payload: bytes) -> Manifest:
    if document.get("manifests") is not None:
        raise ManifestInvalid("an image manifest holds no manifests; an index does")
    config = _descriptor(document.get("config"), "config")
    artifact_type = _type(document.get("artifactType"), "artifactType") or config.media_type
    return Manifest(
        media_type=media_type,
        digest=digest,
        payload=payload,
        config=config,
        layers=_descriptors(document.get("layers"), "layers"),
        subject=_subject(document),
        artifact_type=artifact_type,
        annotations=_annotations(document),
    )


def _index(document: dict[str, object], media_type: str, digest: Digest, payload: bytes) -> Manifest:
    if document.get("config") is not None or document.get("layers") is not None:
        raise ManifestInvalid("an index holds neither config nor layers; an image manifest does")
    if "manifests" not in document:
        raise ManifestInvalid("an index has a list of manifests, which may be empty")
    return Manifest(
        media_type=media_type,
        digest=digest,
        payload=payload,
        children=_descriptors(document.get("manifests"), "manifests"),
        subject=_subject(document),
        artifact_type=_type(document.get("artifactType"), "artifactType") or None,
        annotations=_annotations(document),
    )


def _subject(document: dict[str, object]) -> Digest | None:
    value = document.get("subject")
    return None if value is None else _descriptor(value, "subject").digest


def _descriptors(value: object, where: str) -> tuple[Descriptor, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ManifestInvalid(f"{where} must be a list")
    if len(value) > MAX_DESCRIPTORS:
        raise ManifestInvalid(f"{where} holds {len(value)} entries; at most {MAX_DESCRIPTORS} are accepted")
    return tuple(_descriptor(item, f"{where}[{position}]") for position, item in enumerate(value))


def _descriptor(value: object, where: str) -> Descriptor:
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{where} is missing or not an object")
    fields = cast(dict[str, object], value)
    try:
        digest = Digest.parse(_string(fields.get("digest"), f"{where}.digest"))
    except DigestInvalid as error:
        raise ManifestInvalid(f"{where}.digest: {error.detail}") from error
    size = fields.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
        raise ManifestInvalid(f"{where}.size must be a number of bytes, 0 or more")
    return Descriptor(
        media_type=_type(fields.get("mediaType"), f"{where}.mediaType"),
        digest=digest,
        size=size,
        urls=_urls(fields.get("urls"), where),
        platform=_platform(fields.get("platform"), where),
    )


def _urls(value: object, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ManifestInvalid(f"{where}.urls must be a list")
    return tuple(_string(url, f"{where}.urls") for url in value)


def _platform(value: object, where: str) -> tuple[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{where}.platform must be an object")
    fields = cast(dict[str, object], value)
    return (
        _string(fields.get("os"), f"{where}.platform.os"),
        _string(fields.get("architecture"), f"{where}.platform.architecture"),
    )


def _string(value: object, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ManifestInvalid(f"{where} must be a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:  # JSON can write half of a pair, which no database and no answer can hold
        raise ManifestInvalid(f"{where} holds half of a surrogate pair") from error
    return value


def _type(value: object, where: str) -> str:
    """A media type; the index keeps some of them, and PostgreSQL holds no NUL."""
    text = _string(value, where)
    if "\0" in text:
        raise ManifestInvalid(f"{where} holds a NUL character")
    return text


def _annotations(document: dict[str, object]) -> dict[str, str]:
    value = document.get("annotations")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ManifestInvalid("annotations must be an object of strings")
    return {_string(key, "annotations"): _string(text, f"annotations[{key[:100]!r}]") for key, text in value.items()}
