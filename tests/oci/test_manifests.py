# SPDX-License-Identifier: Apache-2.0
"""Manifests: what is accepted, what is read out of them, and what each refusal says (compat.md 9.1, 9.2)."""

import json
from typing import Any

import pytest

from entrepot.oci import media
from entrepot.oci.digests import Digest
from entrepot.oci.errors import DigestInvalid, ManifestInvalid
from entrepot.oci.manifests import MAX_DESCRIPTORS, parse_manifest

CONFIG, LAYER, CHILD = (Digest.of(data) for data in (b"config", b"layer", b"child"))


def descriptor(digest: str = LAYER, **more: object) -> dict[str, Any]:
    """A valid descriptor, with ``more`` over it."""
    return {"mediaType": "application/x", "digest": digest, "size": 3, **more}


def image(**more: object) -> dict[str, Any]:
    """A valid image manifest without a media type, with ``more`` over it."""
    return {"schemaVersion": 2, "config": descriptor(CONFIG), "layers": [descriptor()], **more}


def index(**more: object) -> dict[str, Any]:
    """A valid index without a media type, with ``more`` over it."""
    return {"schemaVersion": 2, "manifests": [descriptor(CHILD, mediaType=media.OCI_MANIFEST)], **more}


def dumped(document: object) -> bytes:
    """As it comes over the wire."""
    return json.dumps(document).encode()


def refusal(document: object, content_type: str = "") -> str:
    """The detail with which ``document`` is refused."""
    payload = document if isinstance(document, bytes) else dumped(document)
    with pytest.raises(ManifestInvalid) as caught:
        parse_manifest(payload, content_type)
    return str(caught.value.detail)


def test_image() -> None:
    """Config, layers, subject, artifact type and annotations are read; the payload is kept byte for byte."""
    subject = Digest.of(b"subject", "sha512")
    payload = dumped(image(subject=descriptor(subject), artifactType="a/b", annotations={"k": "v"}, unknown=[1]))
    manifest = parse_manifest(payload, media.OCI_MANIFEST)
    assert manifest.payload == payload
    assert manifest.digest == Digest.of(payload)
    assert [blob.digest for blob in manifest.blobs] == [CONFIG, LAYER]
    assert (manifest.subject, manifest.artifact_type) == (subject, "a/b")
    assert manifest.annotations == {"k": "v"}


def test_index() -> None:
    """Children with their platforms are read."""
    child = descriptor(CHILD, platform={"os": "linux", "architecture": "arm64"})
    manifest = parse_manifest(dumped(index(manifests=[child])), media.OCI_INDEX)
    assert [(one.digest, one.platform) for one in manifest.children] == [(CHILD, ("linux", "arm64"))]
    assert manifest.blobs == ()


def test_artifact_type_falls_back() -> None:
    """Without artifactType an image is known by its config's type, an index by none (distribution-spec, referrers)."""
    assert parse_manifest(dumped(image())).artifact_type == "application/x"
    assert parse_manifest(dumped(index())).artifact_type is None
    assert parse_manifest(dumped(index(artifactType="a/b"))).artifact_type == "a/b"


@pytest.mark.parametrize("media_type", sorted(media.MANIFESTS))
def test_media_types(media_type: str) -> None:
    """All four types are accepted when header and body agree; parameters and case of the header do not matter."""
    body = image() if media_type in media.IMAGES else index()
    payload = dumped({**body, "mediaType": media_type})
    for header in ("", media_type, f"{media_type}; charset=utf-8", media_type.upper()):
        assert parse_manifest(payload, header).media_type == media_type


def test_bodies_without_media_type() -> None:
    """An OCI body may be silent about its type, a Docker body may not."""
    assert parse_manifest(dumped(image()), media.OCI_MANIFEST).media_type == media.OCI_MANIFEST
    assert parse_manifest(dumped(image())).media_type == media.OCI_MANIFEST
    assert parse_manifest(dumped(index())).media_type == media.OCI_INDEX
    assert "must say so" in refusal(image(), media.DOCKER_MANIFEST)
    assert "must say so" in refusal(index(), media.DOCKER_LIST)


@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        (image(manifests=None), media.OCI_MANIFEST),
        (index(config=None, layers=None), media.OCI_INDEX),
        ({"schemaVersion": 2, "manifests": None}, media.OCI_INDEX),
        ({"schemaVersion": 2, "manifests": []}, media.OCI_INDEX),
        (image(layers=None), media.OCI_MANIFEST),
    ],
)
def test_what_was_accepted_is_read_again(document: object, media_type: str) -> None:
    """A manifest accepted under its header is read the same from storage, where no header is kept."""
    pushed = parse_manifest(dumped(document), media_type)
    assert parse_manifest(dumped(document), "", pushed.digest) == pushed


@pytest.mark.parametrize(
    ("payload", "word"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"null", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'{"schemaVersion": NaN}', "not JSON"),
        (b'{"schemaVersion": Infinity}', "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"[" * 500_000, "nested too deeply"),
        (b'{"a":' * 500_000 + b"1" + b"}" * 500_000, "nested too deeply"),
        (b'{"schemaVersion": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
    ids=range(11),
)
def test_what_is_no_document(payload: bytes, word: str) -> None:
    """Bytes that are no JSON object are refused in a sentence, however deep or long."""
    assert word in refusal(payload)


@pytest.mark.parametrize(
    ("document", "content_type", "word"),
    [
        (image(schemaVersion=1), "", "schema 1"),
        (image(), "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema 1"),
        (image(schemaVersion=3), "", "schemaVersion must be 2"),
        (image(schemaVersion="2"), "", "schemaVersion must be 2"),
        (image(schemaVersion=None), "", "schemaVersion must be 2"),
        (image(), "application/json", "not a manifest type"),
        (image(mediaType="text/plain"), "", "not a manifest type"),
        (image(mediaType=7), "", "mediaType must be a string"),
        (image(mediaType=media.OCI_INDEX), media.OCI_MANIFEST, "but the manifest says"),
        (image(manifests=[]), media.OCI_MANIFEST, "holds no manifests"),
        (index(config=descriptor()), media.OCI_INDEX, "neither config nor layers"),
        (index(layers=[]), media.OCI_INDEX, "neither config nor layers"),
        ({"schemaVersion": 2}, media.OCI_INDEX, "manifests"),
        (image(config=None), "", "config is missing"),
        (image(config=[]), "", "config is missing"),
        (image(layers={}), "", "layers must be a list"),
        (image(layers=[descriptor(), 7]), "", r"layers[1] is missing"),
        (image(layers=[descriptor("sha256:abc")]), "", r"layers[0].digest"),
        (image(layers=[descriptor(size=-1)]), "", r"layers[0].size"),
        (image(layers=[descriptor(size=True)]), "", r"layers[0].size"),
        (image(layers=[descriptor(size=1.5)]), "", r"layers[0].size"),
        (image(layers=[descriptor(size=2**63)]), "", r"layers[0].size"),
        (image(layers=[descriptor(size="3")]), "", r"layers[0].size"),
        (image(layers=[descriptor(urls="x")]), "", "urls must be a list"),
        (image(layers=[descriptor(urls=[1])]), "", "urls must be a string"),
        (image(layers=[descriptor(mediaType={})]), "", r"layers[0].mediaType"),
        (image(layers=[descriptor(platform=[])]), "", "platform must be an object"),
        (image(subject={}), "", "subject.digest"),
        (image(subject=7), "", "subject is missing"),
        (image(artifactType=[]), "", "artifactType must be a string"),
        (image(annotations=[]), "", "annotations must be an object"),
        (image(annotations={"k": 1}), "", "annotations['k']"),
        (image(annotations={"k": "\ud800"}), "", "annotations['k']"),
        (image(annotations={"\ud800": "v"}), "", "annotations"),
        (image(artifactType="\ud800"), "", "artifactType"),
        (image(layers=[descriptor()] * (MAX_DESCRIPTORS + 1)), "", "at most"),
    ],
    ids=range(36),
)
def test_refusals(document: object, content_type: str, word: str) -> None:
    """Every rule that is broken is named, with the place in the document."""
    assert word in refusal(document, content_type)


def test_schema_1_tells_how_to_convert() -> None:
    """The refusal of schema 1 names a command that converts."""
    assert "skopeo copy --format v2s2" in refusal(image(schemaVersion=1))


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_expected_digest(algorithm: str) -> None:
    """Bytes with the digest that was asked for are accepted under it; others are DIGEST_INVALID."""
    payload = dumped(image())
    digest = Digest.of(payload, algorithm)
    assert parse_manifest(payload, "", digest).digest == digest
    with pytest.raises(DigestInvalid, match=digest):
        parse_manifest(payload + b" ", "", digest)


def test_too_many_lists_and_objects() -> None:
    """A document of a million empty lists is refused before it is parsed; 60,000, as in the largest index, are not."""
    with pytest.raises(ManifestInvalid, match="more than 100000 lists and objects"):
        parse_manifest(b'{"x": [' + b"[]," * 1_000_000 + b"[]]}")
    with pytest.raises(ManifestInvalid, match="schemaVersion"):
        parse_manifest(
            b'{"mediaType": "application/vnd.oci.image.manifest.v1+json", "x": [' + b"[]," * 60_000 + b"[]]}"
        )
