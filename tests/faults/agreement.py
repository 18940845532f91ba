# SPDX-License-Identifier: Apache-2.0
"""Whether storage and index say the same, link by link and row by row, in both directions."""

from __future__ import annotations

import contextlib
import sqlite3
from functools import partial
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Fact = tuple[str, ...]
Rows = list[tuple[object, ...]]

NO_BYTES = "no bytes"


def assert_agreement(root: Path, *, collected: bool = False, database: str | None = None) -> None:
    """Storage and index (at ``database`` or beside the data) agree, no intent or pin is left, and nothing lies in
    the directory of temporary files.

    Every link leads to bytes, unless 2.8.2's collector took them (``collected``): it leaves the links of blobs.
    """
    assert unlinked_tags(root) == []
    rows = partial(_sqlite_rows, root) if database is None else partial(_postgres_rows, database)
    stored, known = set(stored_facts(root)), set(known_facts(rows))
    dangling = {fact for fact in stored if fact[-1] == NO_BYTES}
    assert collected or not dangling, "links lead nowhere"
    stored -= dangling
    assert known - stored == set(), "the index knows what storage does not hold"
    assert stored - known == set(), "storage holds what the index does not know"
    assert rows("SELECT repository, kind, name FROM intents") == []
    assert rows("SELECT repository, kind, name FROM pins") == []
    assert list((root / "entrepot" / "tmp").iterdir()) == []


def unlinked_tags(root: Path) -> list[str]:
    """Directories of tags that have no link: registry:2 would list them as tags."""
    repositories = root / "docker/registry/v2/repositories"
    return [str(tag) for tag in repositories.glob("**/_manifests/tags/*") if not (tag / "current/link").exists()]


def stored_facts(root: Path) -> Iterator[Fact]:
    """Every link in storage, and the size of the bytes to which it leads."""
    repositories = root / "docker/registry/v2/repositories"
    for link in repositories.rglob("link"):
        parts = link.relative_to(repositories).parts
        digest = link.read_text()
        if "_layers" in parts:
            at = parts.index("_layers")
            yield ("layer", "/".join(parts[:at]), ":".join(parts[at + 1 : at + 3]), digest, _size(root, digest))
        elif "revisions" in parts:
            at = parts.index("_manifests")
            assert digest == ":".join(parts[at + 2 : at + 4]), f"{link} holds {digest}"
            yield ("revision", "/".join(parts[:at]), digest, _size(root, digest))
        elif parts[-2] == "current":
            at = parts.index("_manifests")
            yield ("tag", "/".join(parts[:at]), parts[at + 2], digest)


def known_facts(rows: Callable[[str], Rows]) -> Iterator[Fact]:
    """Every row of the index that speaks of a link."""
    layers = """SELECT r.name, l.digest, l.content, b.size FROM layers l
        JOIN repositories r ON r.id = l.repository_id LEFT JOIN blobs b ON b.digest = l.content"""
    revisions = """SELECT r.name, v.digest, length(m.payload) FROM revisions v
        JOIN repositories r ON r.id = v.repository_id LEFT JOIN manifests m ON m.digest = v.digest"""
    tags = "SELECT r.name, t.name, t.digest FROM tags t JOIN repositories r ON r.id = t.repository_id"
    for kind, query in (("layer", layers), ("revision", revisions), ("tag", tags)):
        for row in rows(query):
            yield (kind, *map(str, row))


def _size(root: Path, digest: str) -> str:
    algorithm, _, encoded = digest.partition(":")
    data = root / "docker/registry/v2/blobs" / algorithm / encoded[:2] / encoded / "data"
    return str(data.stat().st_size) if data.exists() else NO_BYTES


def _postgres_rows(database: str, query: str) -> Rows:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode()).fetchall()


def _sqlite_rows(root: Path, query: str) -> Rows:
    database = f"file:{root}/entrepot/index.sqlite3?mode=ro"
    with contextlib.closing(sqlite3.connect(database, uri=True, timeout=30)) as connection:
        return connection.execute(query).fetchall()
