# SPDX-License-Identifier: Apache-2.0
"""Patterns over names: ``*`` is any run within one part, ``**`` one over parts, ``?`` one character of a part; all else
is itself. A pattern matches a whole name. Tags have one part.
"""

import re
from collections.abc import Sequence

REPOSITORY_PATTERN = "a repository's name in small letters, with * for a run within a part, ** over parts, ? for one"

_REPOSITORY_PATTERN = re.compile(r"[a-z0-9*?][a-z0-9._/*?-]*", re.ASCII)
_EVERYTHING = re.compile(r"\*\*+")
_TOKEN = re.compile(r"\*\*+|\*|\?|[^*?]+")
_WILD = {"*": "[^/]*", "?": "[^/]"}


class Globs:
    """Some patterns, of which one is enough."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._compiled = [re.compile(_translate(pattern)) for pattern in patterns]

    def match(self, name: str) -> bool:
        """Whether one of them matches."""
        return any(pattern.fullmatch(name) for pattern in self._compiled)


def is_repository_pattern(text: str) -> bool:
    """Whether some repository's name can match; a character that is in no name would match nothing, silently."""
    return _REPOSITORY_PATTERN.fullmatch(text) is not None


def matches_everything(pattern: str) -> bool:
    """Whether every name matches."""
    return _EVERYTHING.fullmatch(pattern) is not None


def literal_prefix(pattern: str) -> str:
    """What each name that matches begins with."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def _translate(pattern: str) -> str:
    return "".join(_expression(token) for token in _TOKEN.findall(pattern))


def _expression(token: str) -> str:
    return ".*" if token.startswith("**") else _WILD.get(token) or re.escape(token)
