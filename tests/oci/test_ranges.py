# SPDX-License-Identifier: Apache-2.0
"""Range of GET and Content-Range of chunks."""

import pytest

from entrepot.oci.errors import RangeMalformed
from entrepot.oci.ranges import ByteRange, ContentRange, Unsatisfiable, parse_content_range, parse_range


@pytest.mark.parametrize(
    ("header", "size", "start", "end"),
    [
        ("bytes=0-", 10, 0, 10),
        ("bytes=0-0", 10, 0, 1),
        ("bytes=3-5", 10, 3, 6),
        ("bytes=9-9", 10, 9, 10),
        ("bytes=3-99999999999999999999", 10, 3, 10),
        ("bytes=-4", 10, 6, 10),
        ("bytes=-99", 10, 0, 10),
        (" bytes= 3 - 5 ", 10, 3, 6),
    ],
)
def test_satisfiable(header: str, size: int, start: int, end: int) -> None:
    """A single range is cut to the content."""
    part = parse_range(header, size)
    assert part == ByteRange(start, end)
    assert part is not None
    assert part.length == end - start


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=10-", 10), ("bytes=10-12", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0), ("bytes=5-3", 10)],
)
def test_unsatisfiable(header: str, size: int) -> None:
    """A range with no byte of the content is refused: 416."""
    with pytest.raises(Unsatisfiable):
        parse_range(header, size)


@pytest.mark.parametrize(
    "header", ["", "bytes", "bytes=", "bytes=-", "bytes=0-1,3-4", "items=0-1", "bytes=a-b", "bytes=٣-"]
)
def test_ignored(header: str) -> None:
    """Several ranges, other units and malformed headers are ignored, as RFC 9110 allows."""
    assert parse_range(header, 10) is None


@pytest.mark.parametrize("header", ["0-4", "bytes 0-4", "bytes=0-4", "0-4/10", "bytes 0-4/*", " 0-4 "])
def test_content_range(header: str) -> None:
    """Start and end are inclusive; unit and total are tolerated."""
    assert parse_content_range(header) == ContentRange(0, 5)


@pytest.mark.parametrize(
    "header", ["", "0", "-4", "0-", "4-0", "a-b", "0-4/x", "0 - 4", "0-4,6-8", "bytes=", "9" * 20 + "-1", "0-٤", "0--4"]
)
def test_content_range_malformed(header: str) -> None:
    """What is not start-end is RANGE_INVALID with 400, not 416: the chunk is not out of order but wrong."""
    with pytest.raises(RangeMalformed) as caught:
        parse_content_range(header)
    assert (caught.value.row.code, caught.value.status) == ("RANGE_INVALID", 400)
