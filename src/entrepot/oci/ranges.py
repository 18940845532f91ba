# SPDX-License-Identifier: Apache-2.0
"""Ranges: what a client asks for (RFC 9110, 14.2) and what a chunk says of itself (distribution-spec, "chunks")."""

import re
from dataclasses import dataclass

from entrepot.oci.errors import RangeMalformed

_RANGE = re.compile(r"bytes=\s*(\d{0,20})\s*-\s*(\d{0,20})\s*", re.ASCII)
_CONTENT_RANGE = re.compile(r"(?:bytes[ =])?(\d{1,19})-(\d{1,19})(?:/(?:\d{1,19}|\*))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """``start`` and ``end`` (exclusive), both inside the content; ``start < end``."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Bytes."""
        return self.end - self.start


class Unsatisfiable(Exception):
    """No byte of the content is in the range that was asked for: 416."""


def parse_range(header: str, size: int) -> ByteRange | None:
    """What ``Range`` asks of content of ``size`` bytes.

    None where the header is to be ignored: another unit, several ranges, or malformed (RFC 9110, 14.2 allows all
    three). Raises :class:`Unsatisfiable`, also for a range that ends before it starts, which may be rejected.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        if length == 0:
            raise Unsatisfiable
        return ByteRange(size - length, size)
    start = int(first)
    end = min(int(last) + 1, size) if last else size
    if start >= end:
        raise Unsatisfiable
    return ByteRange(start, end)


@dataclass(frozen=True, slots=True)
class ContentRange:
    """Where a chunk begins, and how many bytes it has."""

    start: int
    length: int


def parse_content_range(header: str) -> ContentRange:
    """``<start>-<end>``, both inclusive; ``bytes`` in front and a total behind are tolerated, as clients send them."""
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        raise RangeMalformed(f"Content-Range {header[:60]!r} is not <start>-<end>")
    start, end = int(match[1]), int(match[2])
    if end < start:
        raise RangeMalformed(f"Content-Range {header[:60]!r} ends before it starts")
    return ContentRange(start, end - start + 1)
