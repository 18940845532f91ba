# SPDX-License-Identifier: Apache-2.0
"""Digests: ``algorithm:hex`` (image-spec, descriptor.md#digests).

A :class:`Digest` is a string that has been checked, so it goes into SQL, JSON and headers as it is.
"""

import hashlib
import re
from typing import Self

from entrepot.oci.errors import DigestInvalid

HEX_LENGTHS = {"sha256": 64, "sha512": 128}
"""The algorithms served, with the length of their hex part."""

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)


class Digest(str):
    """A valid digest of an algorithm that we serve: sha256 or sha512, lower-case hex of the right length."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check ``text``; raises :class:`DigestInvalid` that says which rule it breaks."""
        if _DIGEST.fullmatch(text):
            return cls(text)
        raise DigestInvalid(_why_invalid(text))

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> Self:
        """The digest of ``data``."""
        return cls(f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}")

    @property
    def algorithm(self) -> str:
        """``sha256`` or ``sha512``."""
        return self[:6]

    @property
    def hex(self) -> str:
        """The part behind the colon."""
        return self[7:]


def parse_algorithm(text: str) -> str:
    """The name of a served algorithm, or :class:`DigestInvalid`."""
    if text in HEX_LENGTHS:
        return text
    raise DigestInvalid(f"digest algorithm {text[:40]!r} is not supported; use sha256 or sha512")


def _why_invalid(text: str) -> str:
    algorithm, colon, rest = text.partition(":")
    if not colon:
        return f"{text[:80]!r} is not a digest; expected algorithm:hex, such as sha256:<64 hex digits>"
    if algorithm not in HEX_LENGTHS:
        return f"digest algorithm {algorithm[:40]!r} is not supported; use sha256 or sha512"
    if len(rest) != HEX_LENGTHS[algorithm]:
        return f"a {algorithm} digest has {HEX_LENGTHS[algorithm]} hex digits, not {len(rest)}"
    return f"a {algorithm} digest is written in lower-case hex digits"
