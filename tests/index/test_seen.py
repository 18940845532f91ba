# SPDX-License-Identifier: Apache-2.0
"""Filtered pages are what a filter over the whole list gives, however it is cut."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from entrepot.index.index import Index, open_index
from entrepot.index.sight import Sight
from entrepot.oci.globs import Globs, is_repository_pattern, matches_everything
from entrepot.oci.names import RepositoryName
from support.facts import manifest_truth, tell

PART = some.sampled_from(["a", "b", "ab", "a-b", "b.a", "a_b", "0"])
NAME = some.lists(PART, min_size=1, max_size=3).map("/".join)
PIECE = some.sampled_from(["a", "b", "*", "**", "?", "-", "/"])
PATTERN = some.lists(PIECE, min_size=1, max_size=5).map("".join)
OF_RULES = PATTERN.filter(lambda text: is_repository_pattern(text) and not matches_everything(text))
PULL = frozenset({"pull"})


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with its tables, to be copied: making them takes long."""
    path = tmp_path_factory.mktemp("seen") / "index.sqlite3"
    with open_index(path):
        pass
    return path


def copy(empty: Path, directory: str) -> Path:
    """An index of one's own."""
    return Path(shutil.copy(empty, directory))


async def fill(index: Index, before: list[str], patterns: list[str], after: list[str]) -> Sight:
    """Repositories, then a rule for each pattern, then more repositories; what the rules show."""
    for name in before:
        await tell(index, manifest_truth("m"), name=RepositoryName(name))
    ids = [(await index.directory.add_rule("role:anonymous", one, "*", PULL, "")).pattern_id for one in patterns]
    for name in after:
        await tell(index, manifest_truth("m"), name=RepositoryName(name))
    return Sight(frozenset(ids))


async def check(index: Index, sight: Sight, expected: list[str], size: int, term: str) -> None:
    """All pages of a size, and a search."""
    found: list[str] = []
    while page := await index.lists.repositories(found[-1] if found else "", size, sight):
        assert len(page) == size or len(found) + len(page) == len(expected)
        found += page
    assert found == expected
    assert await index.lists.search(term, size, sight) == [name for name in expected if term in name][:size]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    before=some.lists(NAME, unique=True, max_size=8),
    after=some.lists(NAME, unique=True, max_size=8),
    patterns=some.lists(OF_RULES, unique=True, min_size=1, max_size=4),
    size=some.integers(1, 5),
    term=some.sampled_from(["", "a", "b/", "_", "%", "-"]),
)
async def test_pages_are_a_filter_of_the_whole(
    empty: Path, before: list[str], after: list[str], patterns: list[str], size: int, term: str
) -> None:
    """Each repository that one of the patterns matches is in one page, in order; no other is."""
    with tempfile.TemporaryDirectory() as directory, open_index(copy(empty, directory)) as index:
        sight = await fill(index, before, patterns, after)
        globs = Globs(patterns)
        expected = sorted(name for name in {*before, *after} if globs.match(name))
        await check(index, sight, expected, size, term)


async def test_on_both_databases(index: Index) -> None:
    """One such case; a page that begins at a name which holds a NUL or is none goes on behind it."""
    names = ["a", "a-b", "a.b", "a/b", "a0", "b/a", "b/b", "c"]
    sight = await fill(index, names[::2], ["a*", "*/b", "b/**", "c", "?"], names[1::2])
    await check(index, sight, names, 3, "b")
    assert await index.lists.repositories("a/b\0~", 1, sight) == ["a0"]
    assert await index.lists.repositories("a/", 1, sight) == ["a/b"]
    assert await index.lists.repositories("a", 0, sight) == []
