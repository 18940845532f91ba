# SPDX-License-Identifier: Apache-2.0
"""What was found out about credentials a moment ago, without keeping any of them."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Generic, TypeVar

MOST = 10_000
"""Remembered at most; who was used longest ago goes first."""

LONGEST = 8192
"""Characters of a header by which anything is remembered at most: longer ones are rare, and read anew each time."""

MOST_CHARACTERS = 4_000_000
"""Of all tokens together whose content is remembered: a token of many scopes takes some times its length of memory."""

Found = TypeVar("Found")


def digest(key: bytes, *parts: str) -> bytes:
    """A keyed hash over texts, no two sequences of which give the same input; ``key`` has 64 bytes at most.

    BLAKE2 takes a key of its own (RFC 7693) and costs 1 µs, HMAC with OpenSSL's SHA-256 7 µs: each request pays it.
    """
    return _add(blake2b(key=key, digest_size=32), parts)


def _add(hashed: blake2b, parts: Sequence[str]) -> bytes:
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        hashed.update(b"%d:" % len(encoded))
        hashed.update(encoded)
    return hashed.digest()


class Remembered(Generic[Found]):
    """Under a keyed hash, whose key is random and of this object. Not to be used by several threads.

    ``now``: the clock in which it is said how long something is remembered; ``most``: entries.
    """

    def __init__(self, now: Callable[[], float], most: int = MOST) -> None:
        self._unnamed = blake2b(key=secrets.token_bytes(32), digest_size=32)
        self._now = now
        self._most = most
        self._size = 0
        self._found: OrderedDict[bytes, tuple[float, Found, int]] = OrderedDict()

    def name(self, *parts: str) -> bytes:
        """Under which something about ``parts`` is remembered. This is most of what a gate costs on the hot path, so
        the key is taken in once.
        """
        return _add(self._unnamed.copy(), parts)

    def holds(self, name: bytes) -> bool:
        """Whether anything was found out."""
        return self._look(name) is not None

    def find(self, name: bytes) -> Found | None:
        """What was found out, or None."""
        entry = self._look(name)
        return None if entry is None else entry[1]

    def _look(self, name: bytes) -> tuple[float, Found, int] | None:
        entry = self._found.get(name)
        if entry is None:
            return None
        if entry[0] <= self._now():
            self._drop(name)
            return None
        self._found.move_to_end(name)
        return entry

    def add(self, name: bytes, found: Found, until: float, size: int = 0) -> None:
        """Remember it until then. ``size``: characters of the token that it comes from."""
        self._drop(name)
        self._found[name] = (until, found, size)
        self._size += size
        while len(self._found) > self._most or self._size > MOST_CHARACTERS:
            self._drop(next(iter(self._found)))

    def _drop(self, name: bytes) -> None:
        entry = self._found.pop(name, None)
        if entry is not None:
            self._size -= entry[2]
