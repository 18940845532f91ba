# SPDX-License-Identifier: Apache-2.0
"""Names: repositories, tags, and references that are one or the other kind (distribution-spec, "Pulling manifests")."""

import re
from typing import Self

from entrepot.oci.digests import Digest
from entrepot.oci.errors import NameInvalid, TagInvalid

MAX_NAME = 255
"""Characters of a repository name (compat.md 3.2)."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", re.ASCII)


class RepositoryName(str):
    """A valid repository name: at most 255 characters, so every path made of it stays inside the storage root."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check ``text``; raises :class:`NameInvalid` that says which rule it breaks."""
        if len(text) <= MAX_NAME and _NAME.fullmatch(text):
            return cls(text)
        raise NameInvalid(_why_name_invalid(text))


class Tag(str):
    """A valid tag: 1 to 128 characters, case matters."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check ``text``; raises :class:`TagInvalid`."""
        if _TAG.fullmatch(text):
            return cls(text)
        raise TagInvalid(
            f"{text[:140]!r} is not a tag: 1 to 128 letters, digits, '.', '_' and '-', not beginning with '.' or '-'"
        )


Reference = Tag | Digest


def parse_reference(text: str) -> Reference:
    """A digest where ``text`` holds a colon (no tag can), else a tag."""
    if ":" in text:
        return Digest.parse(text)
    return Tag.parse(text)


def _why_name_invalid(text: str) -> str:
    if len(text) > MAX_NAME:
        return f"a repository name has at most {MAX_NAME} characters, this one has {len(text)}"
    if text != text.lower():
        return f"{text!r} holds upper-case letters; repository names are lower case"
    return (
        f"{text!r} is not a repository name: parts of lower-case letters and digits, joined by '.', '_', '__' or '-', "
        "separated by single slashes"
    )
