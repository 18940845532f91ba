# SPDX-License-Identifier: Apache-2.0
"""Whatever a client writes into names, digests and ranges, it gets a value that keeps the rules or a typed refusal."""

import contextlib
import posixpath
import re

from hypothesis import given
from hypothesis import strategies as st

from entrepot.oci.digests import Digest
from entrepot.oci.errors import DigestInvalid, NameInvalid, RangeMalformed, TagInvalid
from entrepot.oci.names import RepositoryName, Tag, parse_reference
from entrepot.oci.ranges import Unsatisfiable, parse_content_range, parse_range

NEARLY_NAMES = st.text(alphabet="ab0._-/A:%\n\x00ä", max_size=300)
NEARLY_DIGESTS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["sha256", "sha512", "SHA256", "sha384", ""]),
    st.sampled_from([":", "", "::", "-"]),
    st.text(alphabet="0123456789abcdefAg/.\n", max_size=130) | st.sampled_from(["0" * 64, "f" * 128]),
)
NEARLY_RANGES = st.text(alphabet="0123456789-=, bytes/*٣\n", max_size=60)


@given(st.text() | NEARLY_NAMES)
def test_names(text: str) -> None:
    """A name that is accepted stays inside its directory and holds only what the grammar allows."""
    try:
        name = RepositoryName.parse(text)
    except NameInvalid:
        return
    assert name == text
    assert 0 < len(name) <= 255
    assert posixpath.normpath(f"/root/{name}") == f"/root/{name}"
    assert all(re.match(r"[a-z0-9]", part) and part.isascii() for part in name.split("/"))


@given(st.text() | NEARLY_NAMES)
def test_tags(text: str) -> None:
    """A tag that is accepted is one path component, and neither a step up nor hidden."""
    with contextlib.suppress(TagInvalid):
        tag = Tag.parse(text)
        assert tag == text
        assert 0 < len(tag) <= 128
        assert "/" not in tag
        assert not tag.startswith((".", "-"))


@given(st.text() | NEARLY_DIGESTS)
def test_digests(text: str) -> None:
    """A digest that is accepted is an algorithm and lower-case hex of its length."""
    with contextlib.suppress(DigestInvalid):
        digest = Digest.parse(text)
        assert digest == text
        assert len(bytes.fromhex(digest.hex)) == {"sha256": 32, "sha512": 64}[digest.algorithm]
        assert digest.hex == digest.hex.lower()


@given(st.binary(), st.sampled_from(["sha256", "sha512"]))
def test_digests_of_bytes(data: bytes, algorithm: str) -> None:
    """The digest of any bytes is a valid digest."""
    digest = Digest.of(data, algorithm)
    assert Digest.parse(digest) == digest


@given(st.text() | NEARLY_NAMES | NEARLY_DIGESTS)
def test_references(text: str) -> None:
    """A reference is a tag, a digest, or one of their refusals."""
    with contextlib.suppress(TagInvalid, DigestInvalid):
        assert parse_reference(text) == text


@given(st.text() | NEARLY_RANGES | NEARLY_RANGES.map("bytes={}".format), st.integers(0, 2**63))
def test_ranges(header: str, size: int) -> None:
    """A range that is accepted lies inside the content and is not empty."""
    with contextlib.suppress(Unsatisfiable):
        part = parse_range(header, size)
        if part is not None:
            assert 0 <= part.start < part.end <= size


@given(st.integers(0, 10**19), st.integers(0, 10**19), st.integers(1, 10**19))
def test_ranges_mean_what_they_say(first: int, last: int, size: int) -> None:
    """``bytes=first-last`` gives exactly those bytes that exist."""
    try:
        part = parse_range(f"bytes={first}-{last}", size)
    except Unsatisfiable:
        assert first >= size or last < first
        return
    assert part is not None
    assert (part.start, part.end) == (first, min(last + 1, size))


@given(st.text() | NEARLY_RANGES)
def test_content_ranges(header: str) -> None:
    """A chunk's range that is accepted begins at 0 or later and holds at least a byte."""
    with contextlib.suppress(RangeMalformed):
        chunk = parse_content_range(header)
        assert chunk.start >= 0
        assert chunk.length >= 1


@given(st.integers(0, 10**18), st.integers(1, 10**18))
def test_content_ranges_mean_what_they_say(start: int, length: int) -> None:
    """``start-end`` is inclusive at both ends."""
    chunk = parse_content_range(f"{start}-{start + length - 1}")
    assert (chunk.start, chunk.length) == (start, length)
