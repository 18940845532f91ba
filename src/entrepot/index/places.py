# SPDX-License-Identifier: Apache-2.0
"""Where an index lies: a file for SQLite, or a database of PostgreSQL."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Database:
    """A database of PostgreSQL; its text never shows the password.

    ``holders``: a directory that all processes of one data directory share, see ``holders.py``.
    """

    url: str = field(repr=False)
    holders: Path

    def __str__(self) -> str:
        return describe(self.url)


IndexPlace = Path | Database
"""A path is the file of SQLite; its lock and its holders lie beside it."""


def holders_of(place: IndexPlace) -> Path:
    """Where the processes that use this index show that they live."""
    return place.holders if isinstance(place, Database) else place.parent / "holders"


def parse_url(url: str, holders: Path) -> IndexPlace:
    """The place that ``index.url`` names, which was checked before."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:") else Database(url, holders)


def describe(url: str) -> str:
    """A PostgreSQL address without user, password and options but the host."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2] or "+".join(parse_qs(parts.query).get("host", ()))
    return f"postgresql://{hosts}/{unquote(parts.path.removeprefix('/'))}"
