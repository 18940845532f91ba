# SPDX-License-Identifier: Apache-2.0
"""Patterns over names: ``*`` is any run within one part, ``**`` one over parts, ``?`` one character of a part; all else
is itself. A pattern matches a whole name. Tags have one part.
"""

import re
from collections.abc import Sequence

_TOKEN = re.compile(r"\*\*+|\*|\?|[^*?]+")
_WILD = {"*": "[^/]*", "?": "[^/]"}


class Globs:
    """Some patterns, of which one is enough."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._compiled = [re.compile(_translate(pattern)) for pattern in patterns]

    def match(self, name: str) -> bool:
        """Whether one of them matches."""
        return any(pattern.fullmatch(name) for pattern in self._compiled)


def _translate(pattern: str) -> str:
    return "".join(_expression(token) for token in _TOKEN.findall(pattern))


def _expression(token: str) -> str:
    return ".*" if token.startswith("**") else _WILD.get(token) or re.escape(token)
