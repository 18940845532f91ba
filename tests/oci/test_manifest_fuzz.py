# SPDX-License-Identifier: Apache-2.0
"""Any bytes and any JSON give a manifest or a typed refusal, nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.oci import media
from entrepot.oci.digests import Digest
from entrepot.oci.errors import DigestInvalid, ManifestInvalid, RegistryError
from entrepot.oci.manifests import Manifest, parse_manifest

NUL_FREE = st.characters(exclude_characters="\0", codec="utf-8")
"""What a database takes: a NUL in an artifact's type is refused."""

TYPES = st.sampled_from(["", "application/json", *sorted(media.MANIFESTS), *sorted(media.SCHEMA1)]) | st.text()
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([2, 2**63, -1, "\ud800"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
DIGESTS = st.sampled_from([Digest.of(b"1"), Digest.of(b"2", "sha512")])
DESCRIPTORS = st.fixed_dictionaries(
    {"mediaType": TYPES, "digest": DIGESTS, "size": st.integers(0, 2**63 - 1)},
    optional={
        "urls": st.lists(st.text()),
        "platform": st.dictionaries(st.text(), st.text()),
        "annotations": st.dictionaries(st.text(), st.text()),
    },
)
PARTS = DESCRIPTORS | JSON
NEARLY = st.fixed_dictionaries(
    {"schemaVersion": st.just(2) | SCALARS},
    optional={
        "mediaType": TYPES | SCALARS,
        "config": PARTS,
        "layers": st.lists(PARTS, max_size=3) | JSON,
        "manifests": st.lists(PARTS, max_size=3) | JSON,
        "subject": PARTS,
        "artifactType": SCALARS,
        "annotations": st.dictionaries(st.text(), st.text()) | JSON,
    },
)
GOOD = st.one_of(
    st.fixed_dictionaries(
        {"schemaVersion": st.just(2), "config": DESCRIPTORS},
        optional={
            "layers": st.none() | st.lists(DESCRIPTORS, max_size=3),
            "manifests": st.none(),
            "subject": DESCRIPTORS,
        },
    ),
    st.fixed_dictionaries(
        {"schemaVersion": st.just(2), "manifests": st.none() | st.lists(DESCRIPTORS, max_size=3)},
        optional={"config": st.none(), "layers": st.none(), "artifactType": st.none() | st.text(NUL_FREE)},
    ),
)


def parsed(payload: bytes, content_type: str) -> Manifest | None:
    """The manifest, or None where it was refused as it must be."""
    refusal: RegistryError
    try:
        return parse_manifest(payload, content_type)
    except (ManifestInvalid, DigestInvalid) as error:
        refusal = error
    assert isinstance(refusal.detail, str)
    refusal.detail.encode()
    return None


@given(st.binary(), TYPES)
def test_bytes(payload: bytes, content_type: str) -> None:
    """Any bytes under any type are refused in a sentence that can be sent, or are a manifest."""
    parsed(payload, content_type)


@given(JSON, TYPES)
def test_json(document: Any, content_type: str) -> None:
    """Any JSON under any type is refused in a sentence that can be sent, or is a manifest."""
    parsed(json.dumps(document).encode(), content_type)


@given(NEARLY | GOOD, TYPES)
def test_nearly_manifests(document: Any, content_type: str) -> None:
    """What is accepted holds only checked values, fits any database, and reads the same without a header."""
    payload = json.dumps(document).encode()
    manifest = parsed(payload, content_type)
    if manifest is None:
        return
    assert (manifest.payload, manifest.digest) == (payload, Digest.of(payload))
    assert manifest.media_type in media.MANIFESTS
    for one in (*manifest.blobs, *manifest.children):
        assert Digest.parse(one.digest) == one.digest
        assert 0 <= one.size < 2**63
    for text in (manifest.artifact_type or "", *manifest.annotations, *manifest.annotations.values()):
        text.encode()
    assert parse_manifest(payload, "", manifest.digest) == manifest


@given(GOOD)
def test_good_ones_are_accepted(document: dict[str, Any]) -> None:
    """Every document that keeps the rules is accepted (so that the tests above do not pass by refusing all)."""
    media_type = media.OCI_MANIFEST if document.get("config") else media.OCI_INDEX
    for content_type in ("", media_type):
        assert parse_manifest(json.dumps(document).encode(), content_type).media_type == media_type


@pytest.mark.parametrize("depth", [10, 100_000, 2_000_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting(depth: int, opening: str, closing: str) -> None:
    """Nesting of any depth inside a document, closed or not, is accepted or refused, and never ends the process."""
    head = '{"schemaVersion":2,"manifests":[],"x":'
    whole = parsed(f"{head}{opening * depth}0{closing * depth}}}".encode()[: 4 << 20], "")
    cut = parsed(f"{head}{opening * depth}".encode()[: 4 << 20], "")
    assert cut is None
    assert (whole is not None) == (depth < 1000)


@pytest.mark.parametrize(
    "number", ["9" * 4000, "9" * 100_000, "-" + "9" * 100_000, "1e999999999", "1e-999999999", "-0"]
)
def test_huge_numbers(number: str) -> None:
    """Numbers of any length and size are accepted or refused in time that does not grow with their square."""
    config = f'{{"mediaType":"a","digest":"{Digest.of(b"")}","size":{number}}}'
    parsed(f'{{"schemaVersion":2,"config":{config}}}'.encode(), "")
    parsed(f'{{"schemaVersion":{number},"config":{config}}}'.encode(), "")
