# SPDX-License-Identifier: Apache-2.0
"""Parameters of queries: each is read and described by one value, so that the document cannot promise another thing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import QueryParams

from entrepot.oci.digests import Digest
from entrepot.oci.errors import PaginationNumberInvalid, RequestInvalid
from entrepot.oci.names import RepositoryName, Tag

PAGE = 100
"""Entries in a page where the client names no number."""

MOST = 1000
"""Entries in a page at most."""

Schema = Mapping[str, object]

DIGEST_SCHEMA: Schema = {
    "type": "string",
    "format": "digest",
    "pattern": "^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
}
TAG_SCHEMA: Schema = {"type": "string", "format": "tag", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"}
NAME_SCHEMA: Schema = {
    "type": "string",
    "format": "repository",
    "maxLength": 255,
    "pattern": "^[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*$",
}


class Parameter(Protocol):
    """A parameter that may be left out."""

    @property
    def name(self) -> str:
        """As it stands in the query."""
        ...

    @property
    def description(self) -> str:
        """For the document."""
        ...

    @property
    def schema(self) -> Schema:
        """For the document."""
        ...


@dataclass(frozen=True, slots=True)
class Size:
    """``n``: how many entries a page has."""

    name: str = "n"
    description: str = "Entries in the page at most."

    @property
    def schema(self) -> Schema:
        return {"type": "integer", "minimum": 1, "maximum": MOST, "default": PAGE}

    def read(self, query: QueryParams) -> int:
        """Raises ``PaginationNumberInvalid``."""
        text = query.get(self.name, str(PAGE))
        number = parse_number(text, 6)
        if number is None or not 1 <= number <= MOST:
            raise PaginationNumberInvalid({"n": text[:40], "minimum": 1, "maximum": MOST})
        return number


@dataclass(frozen=True, slots=True)
class Cursor:
    """A number that a page before gave as ``next``."""

    name: str
    description: str

    @property
    def schema(self) -> Schema:
        return {"type": "string", "format": "cursor", "pattern": "^[0-9]{0,18}$"}

    def read(self, query: QueryParams, default: int) -> int:
        """``default`` where it is absent or empty. Raises ``RequestInvalid``."""
        text = query.get(self.name, "")
        number = parse_number(text, 18) if text else default
        if number is None:
            raise RequestInvalid(
                f"{self.name}={text[:40]!r} is no cursor; pass on the `next` of the page before, or nothing"
            )
        return number


@dataclass(frozen=True, slots=True)
class Flag:
    """``true`` or ``false``."""

    name: str
    description: str

    @property
    def schema(self) -> Schema:
        return {"type": "boolean", "default": False}

    def read(self, query: QueryParams) -> bool:
        """False where it is absent. Raises ``RequestInvalid``."""
        text = query.get(self.name, "false")
        if text not in {"true", "false"}:
            raise RequestInvalid(f"{self.name}={text[:40]!r} is neither true nor false")
        return text == "true"


@dataclass(frozen=True, slots=True)
class NameText:
    """A repository's name."""

    name: str
    description: str

    @property
    def schema(self) -> Schema:
        return NAME_SCHEMA

    def read(self, query: QueryParams) -> RepositoryName | None:
        """None where it is absent. Raises ``NameInvalid``."""
        text = query.get(self.name)
        return None if text is None else RepositoryName.parse(text)


@dataclass(frozen=True, slots=True)
class TagText:
    """A tag."""

    name: str
    description: str

    @property
    def schema(self) -> Schema:
        return TAG_SCHEMA

    def read(self, query: QueryParams) -> Tag | None:
        """None where it is absent. Raises ``TagInvalid``."""
        text = query.get(self.name)
        return None if text is None else Tag.parse(text)


@dataclass(frozen=True, slots=True)
class DigestText:
    """A digest."""

    name: str
    description: str

    @property
    def schema(self) -> Schema:
        return DIGEST_SCHEMA

    def read(self, query: QueryParams) -> Digest | None:
        """None where it is absent. Raises ``DigestInvalid``."""
        text = query.get(self.name)
        return None if text is None else Digest.parse(text)


SIZE = Size()
PURGE = Flag("purge", "Delete for good: nothing goes to the trash, and the collector is asked for a round at once.")


def require_known(query: QueryParams, parameters: Sequence[Parameter]) -> None:
    """Raises ``RequestInvalid`` where the query holds another parameter, or one of them twice: who writes ``?pruge``
    or ``?tga`` must not get an answer to another question.
    """
    names = [parameter.name for parameter in parameters]
    given = [key for key, _ in query.multi_items()]
    for key in given:
        if key not in names:
            takes = f"it takes {', '.join(names)}" if names else "it takes none"
            raise RequestInvalid(f"{key[:40]!r} is no parameter of this call; {takes}")
        if given.count(key) > 1:
            raise RequestInvalid(f"the parameter {key} is given more than once")


def parse_number(text: str, digits: int) -> int | None:
    """A number from 0 on with at most so many digits, or None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
