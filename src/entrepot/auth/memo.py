# SPDX-License-Identifier: Apache-2.0
"""Decisions that were made a moment ago, for the hot path."""

from entrepot.auth.gate import Admission

MOST = 8192
"""Decisions remembered by one worker at most; the oldest goes first."""

MOST_CHARACTERS = 8_000_000
"""Of the tokens together that decisions hold on to: each decision counts the one that it was made for."""

Key = tuple[str | bytes, str, str, str, frozenset[str]]
"""Who came, by name or by a hash of the token, from which address, and kind, name and actions of the need: plain
values, since ``Access`` would be hashed and compared in Python.
"""


class Memo:
    """For one version of accounts and rules: with another nothing is found. Not to be used by several threads."""

    def __init__(self) -> None:
        self._version = -1
        self._made: dict[Key, tuple[float, Admission, int]] = {}
        self._size = 0

    def find(self, key: Key, version: int, now: float) -> Admission | None:
        """What was decided for who came, from which address, with which need, where it still holds at ``now``."""
        if version != self._version:
            return None
        made = self._made.get(key)
        return made[1] if made is not None and now < made[0] else None

    def add(self, key: Key, version: int, until: float, admission: Admission, size: int) -> None:
        """It holds until ``until``, in Unix seconds, or until the next version. ``size``: characters of the token."""
        if version != self._version:
            self._made.clear()
            self._size = 0
            self._version = version
        self._drop(key)
        while self._made and (len(self._made) >= MOST or self._size + size > MOST_CHARACTERS):
            self._drop(next(iter(self._made)))
        self._made[key] = until, admission, size
        self._size += size

    def _drop(self, key: Key) -> None:
        made = self._made.pop(key, None)
        if made is not None:
            self._size -= made[2]
