# SPDX-License-Identifier: Apache-2.0
"""Patterns over names: what each sign stands for, and that no pattern takes long."""

from __future__ import annotations

import time
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as some

from entrepot.oci.globs import Globs, is_repository_pattern, literal_prefix, matches_everything

PATTERN = some.text("ab/*?.", max_size=10)
NAME = some.text("ab/.", max_size=10)


def matches(pattern: str, name: str) -> bool:
    """The same question answered letter by letter, in all ways."""

    @cache
    def rest(at: int, of: int) -> bool:
        if at == len(pattern):
            return of == len(name)
        if pattern.startswith("**", at):
            end = at + len(pattern[at:]) - len(pattern[at:].lstrip("*"))
            return any(rest(end, later) for later in range(of, len(name) + 1))
        if pattern[at] == "*":
            slash = name.find("/", of)
            return any(rest(at + 1, later) for later in range(of, (len(name) if slash < 0 else slash) + 1))
        if of == len(name):
            return False
        fits = name[of] != "/" if pattern[at] == "?" else name[of] == pattern[at]
        return fits and rest(at + 1, of + 1)

    return rest(0, 0)


@given(pattern=PATTERN, names=some.lists(NAME, max_size=20))
def test_what_signs_stand_for(pattern: str, names: list[str]) -> None:
    """A star stays within its part, two go over parts, a question mark is one letter of a part."""
    globs = Globs([pattern])
    for name in names:
        assert globs.match(name) == matches(pattern, name), (pattern, name)
        if globs.match(name):
            assert name.startswith(literal_prefix(pattern))
        if matches_everything(pattern):
            assert globs.match(name)


@given(pieces=some.lists(some.sampled_from(["a", "b", "*", "**", "/", "?", "ab"]), max_size=9), name=NAME)
def test_many_stars(pieces: list[str], name: str) -> None:
    """The same where most of it is stars."""
    pattern = "".join(pieces)
    assert Globs([pattern]).match(name) == matches(pattern, name), (pattern, name)


def test_several() -> None:
    """One is enough; none is not."""
    assert Globs(["a", "b*"]).match("bc")
    assert Globs(["b*", "a"]).match("a")
    assert not Globs(["a", "b*"]).match("ab")
    assert not Globs([]).match("")
    assert not Globs([""]).match("a")


@pytest.mark.parametrize(
    "pattern", ["*a" * 100 + "b", "**a" * 80 + "b", "**a*a" * 50 + "b", "**/*" * 60 + "b", "*?" * 120]
)
@pytest.mark.parametrize("name", ["a" * 255, "a/" * 127 + "a", "ab" * 127])
def test_no_pattern_takes_long(pattern: str, name: str) -> None:
    """Whoever pushes chooses the name that a pattern is tried on, while others wait."""
    globs = Globs([pattern])
    began = time.process_time()
    globs.match(name)
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize(("text", "expected"), [("a/*", True), ("**", True), ("", False), ("A", False), ("/a", False)])
def test_patterns_of_repositories(text: str, expected: bool) -> None:
    """Only those that some name can match."""
    assert is_repository_pattern(text) == expected
