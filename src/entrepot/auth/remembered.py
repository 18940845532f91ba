# SPDX-License-Identifier: Apache-2.0
"""Which passwords were found to be right a moment ago, without keeping any of them."""

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable

SECONDS = 30.0
"""For which a password that was right is believed without hashing it again."""

MOST = 10_000
"""Remembered at most; who was used longest ago goes first."""


def digest(key: bytes, *parts: str) -> bytes:
    """A keyed hash over texts, no two sequences of which give the same input."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    lengths = ",".join(str(len(part)) for part in encoded)
    return hmac.digest(key, b"\n".join([lengths.encode(), *encoded]), "sha256")


class Remembered:
    """Under a key of this process, over user, password and the stored hash: where that changes, nothing is found."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._key = secrets.token_bytes(32)
        self._now = now
        self._until: OrderedDict[bytes, float] = OrderedDict()

    def digest(self, user: str, password: str, stored: str) -> bytes:
        """Under which this is remembered."""
        return digest(self._key, user, password, stored)

    def holds(self, name: bytes) -> bool:
        """Whether it was right less than :data:`SECONDS` ago."""
        until = self._until.get(name)
        if until is None:
            return False
        if until <= self._now():
            del self._until[name]
            return False
        self._until.move_to_end(name)
        return True

    def add(self, name: bytes) -> None:
        """It was right just now."""
        self._until[name] = self._now() + SECONDS
        self._until.move_to_end(name)
        if len(self._until) > MOST:
            self._until.popitem(last=False)
