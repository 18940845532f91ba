# SPDX-License-Identifier: Apache-2.0
"""Digests: ``algorithm:hex`` of sha256 and sha512, and nothing else."""

import hashlib

import pytest

from entrepot.oci.digests import Digest, parse_algorithm
from entrepot.oci.errors import DigestInvalid

SHA256 = "sha256:" + "0123456789abcdef" * 4
SHA512 = "sha512:" + "0123456789abcdef" * 8


@pytest.mark.parametrize("text", [SHA256, SHA512])
def test_valid_digests_stay_as_they_are(text: str) -> None:
    """A digest of a served algorithm is accepted, equals its text, and comes apart into algorithm and hex."""
    digest = Digest.parse(text)
    assert digest == text
    assert f"{digest.algorithm}:{digest.hex}" == text


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "not a digest"),
        ("latest", "not a digest"),
        ("sha256", "not a digest"),
        ("sha256:", "64 hex digits, not 0"),
        (SHA256[:-1], "64 hex digits, not 63"),
        (SHA256 + "0", "64 hex digits, not 65"),
        (SHA512[:-1], "128 hex digits, not 127"),
        ("sha512:" + "0" * 64, "128 hex digits, not 64"),
        ("sha256:" + "0" * 128, "64 hex digits, not 128"),
        (SHA256.replace("abc", "ABC"), "lower-case"),
        ("sha256:" + "g" * 64, "lower-case"),
        ("sha256:" + "٣" * 64, "lower-case"),
        (SHA256 + "\n", "64 hex digits, not 65"),
        (SHA256[:-1] + "\n", "lower-case"),
        ("SHA256" + SHA256[6:], "not supported"),
        ("sha384:" + "0" * 96, "not supported"),
        ("md5:" + "0" * 32, "not supported"),
        (":" + "0" * 64, "not supported"),
        (" " + SHA256, "not supported"),
        ("sha256::" + "0" * 63, "lower-case"),
        ("sha256:../../../../etc/passwd" + "0" * 42, "lower-case"),
    ],
)
def test_invalid_digests_are_refused_with_the_rule(text: str, word: str) -> None:
    """What is no digest is DIGEST_INVALID, and the detail names the rule that it breaks."""
    with pytest.raises(DigestInvalid, match=word) as caught:
        Digest.parse(text)
    assert caught.value.status == 400


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_digest_of_bytes(algorithm: str) -> None:
    """The digest of bytes is the algorithm's hex digest, valid by our own rule."""
    digest = Digest.of(b"entrepot", algorithm)
    assert digest.hex == hashlib.new(algorithm, b"entrepot").hexdigest()
    assert Digest.parse(digest) == digest


def test_details_do_not_repeat_long_input() -> None:
    """A megabyte sent as a digest does not come back in the detail."""
    for text in ("x" * 1_000_000, "x" * 1_000_000 + ":0", "sha256:" + "0" * 1_000_000):
        with pytest.raises(DigestInvalid) as caught:
            Digest.parse(text)
        assert len(str(caught.value.detail)) < 300


def test_algorithms() -> None:
    """sha256 and sha512 can be announced, others are refused by name."""
    assert [parse_algorithm(name) for name in ("sha256", "sha512")] == ["sha256", "sha512"]
    for name in ("sha384", "SHA256", "", "blake3"):
        with pytest.raises(DigestInvalid, match="not supported"):
            parse_algorithm(name)
