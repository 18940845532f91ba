# SPDX-License-Identifier: Apache-2.0
"""Patterns over names: ``*`` is any run within one part, ``**`` one over parts, ``?`` one character of a part; all else
is itself. A pattern matches a whole name. Tags have one part.
"""

import re
from collections.abc import Sequence

REPOSITORY_PATTERN = "a repository's name in small letters, with * for a run within a part, ** over parts, ? for one"

_REPOSITORY_PATTERN = re.compile(r"[a-z0-9*?][a-z0-9._/*?-]*", re.ASCII)
_ACROSS = re.compile(r"\*\*+")


class Globs:
    """Some patterns, of which one is enough."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._compiled = re.compile("|".join(map(_translate, patterns)) if patterns else "(?!)")

    def match(self, name: str) -> bool:
        """Whether one of them matches."""
        return self._compiled.fullmatch(name) is not None


def is_repository_pattern(text: str) -> bool:
    """Whether some repository's name can match; a character that is in no name would match nothing, silently."""
    return _REPOSITORY_PATTERN.fullmatch(text) is not None


def matches_everything(pattern: str) -> bool:
    """Whether every name matches."""
    return _ACROSS.fullmatch(pattern) is not None


def literal_prefix(pattern: str) -> str:
    """What each name that matches begins with."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def _translate(pattern: str) -> str:
    """A regular expression that takes no longer than the square of the name's length, whatever the pattern.

    Where one star has matched as little as it can, the next has all that is left: trying more is of no use, which
    ``(?>...)`` says. Without it a name that just fails to match would be tried in as many ways as stars can share it.
    """
    first, *others = _ACROSS.split(pattern)
    if not others:
        return _to_end(first)
    middle = (f"(?>.*?{_shortest(segment)})" for segment in others[:-1])
    return f"(?>{_shortest(first)}){''.join(middle)}.*{_to_end(others[-1])}"


def _to_end(segment: str) -> str:
    """What ends where the name does."""
    return "/".join(map(_part, segment.split("/")))


def _shortest(segment: str) -> str:
    """What ends as early as it can, for anything may follow."""
    *parts, last = segment.split("/")
    first, *others = last.split("*")
    pieces = (f"(?>[^/]*?{_literal(piece)})" for piece in others)
    return "/".join([*map(_part, parts), _literal(first) + "".join(pieces)])


def _part(part: str) -> str:
    """What ends at a slash, or where the name does."""
    first, *others = part.split("*")
    if not others:
        return _literal(first)
    middle = (f"(?>[^/]*?{_literal(piece)})" for piece in others[:-1])
    return f"{_literal(first)}{''.join(middle)}[^/]*{_literal(others[-1])}"


def _literal(text: str) -> str:
    return "[^/]".join(map(re.escape, text.split("?")))
