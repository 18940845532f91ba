# SPDX-License-Identifier: Apache-2.0
"""Repository names, tags and references (compat.md 3.2)."""

import pytest

from entrepot.oci.digests import Digest
from entrepot.oci.errors import DigestInvalid, NameInvalid, TagInvalid
from entrepot.oci.names import RepositoryName, Tag, parse_reference


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "0",
        "library/alpine",
        "a--b",
        "a---b",
        "a__b",
        "a_b.c-d",
        "a/b/c/d/e/f/g",
        "blobs/uploads/manifests/tags/list",
        "a" * 255,
        "/".join(["a"] * 128),
    ],
)
def test_valid_names(text: str) -> None:
    """Names of the grammar, up to 255 characters, are accepted as they are."""
    assert RepositoryName.parse(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        "..",
        ".",
        "a/../b",
        "a/./b",
        "a..b",
        "a___b",
        "_a",
        "a_",
        "-a",
        "a-",
        ".a",
        "a.",
        "a/_layers/b",
        "a/_uploads",
        "A",
        "a/B",
        "a b",
        "a\n",
        "a\x00b",
        "a%2fb",
        "a%2e%2e",
        "localhost:5000/a",
        "ä",
        "а",  # noqa: RUF001 - cyrillic, on purpose
        "a\\b",
        "a._b",
        "a" * 256,
        "/".join(["a"] * 129),
    ],
)
def test_invalid_names(text: str) -> None:
    """What breaks the grammar is NAME_INVALID with a sentence; no component can be ours, empty or a step up."""
    with pytest.raises(NameInvalid) as caught:
        RepositoryName.parse(text)
    assert caught.value.status == 400
    assert str(caught.value.detail)


def test_why_names_are_refused() -> None:
    """Length and upper case are said to be what they are."""
    for text, word in (("a" * 256, "at most 255 characters, this one has 256"), ("Alpine", "upper-case")):
        with pytest.raises(NameInvalid, match=word):
            RepositoryName.parse(text)


@pytest.mark.parametrize(
    "text", ["latest", "v1.0", "1", "_", "_x-y.z", "A", "a" * 128, "sha256-" + "0" * 64, "uploads"]
)
def test_valid_tags(text: str) -> None:
    """Tags of the grammar, up to 128 characters, are accepted as they are."""
    assert Tag.parse(text) == text


@pytest.mark.parametrize(
    "text", ["", ".", "..", ".a", "-a", "a/b", "a:b", "a b", "a\n", "a" * 129, "ä", "a%20", "\x00"]
)
def test_invalid_tags(text: str) -> None:
    """What breaks the grammar is TAG_INVALID."""
    with pytest.raises(TagInvalid) as caught:
        Tag.parse(text)
    assert caught.value.status == 400


def test_references() -> None:
    """With a colon a reference is a digest, without a tag; each is refused by its own rule."""
    digest = Digest.of(b"")
    assert isinstance(parse_reference(digest), Digest)
    assert isinstance(parse_reference("latest"), Tag)
    with pytest.raises(DigestInvalid):
        parse_reference("sha256:abc")
    with pytest.raises(TagInvalid):
        parse_reference("-")
