# SPDX-License-Identifier: Apache-2.0
"""Passwords of accounts, as they are kept: argon2id (RFC 9106).

19 MiB, two passes, one lane: what OWASP's password storage cheat sheet asks for at least. It takes some 20 ms of one
core, and two at once take 38 MiB of a worker. RFC 9106's own second choice (64 MiB, three passes) would take four times
both, from a registry that is asked for a password with every request of ``curl -u``.
"""

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16)

DUMMY = "$argon2id$v=19$m=19456,t=2,p=1$5dcu6P53ms/7/9fbFke8iQ$XAa68YEO9qqfv8iL42AibJsmM8ZA57+P4RAZqGI/6nk"
"""The hash of a password that nobody knows, checked where there is no such user so that both cost the same time."""


def hash_password(text: str) -> str:
    """What is kept of a password; another string each time. Slow: not on an event loop."""
    return _HASHER.hash(_encode(text))


def verify_password(stored: str, text: str) -> bool:
    """Whether ``text`` is the password that ``stored`` was made of; False where it is no hash of ours. Slow."""
    try:
        return _HASHER.verify(stored, _encode(text))
    except (Argon2Error, InvalidHashError):
        return False


def needs_rehash(stored: str) -> bool:
    """Whether it was made with other parameters than today's, so that it is to be made anew at the next login."""
    try:
        return _HASHER.check_needs_rehash(stored)
    except InvalidHashError:
        return False


def _encode(text: str) -> bytes:
    """One spelling for what looks the same, whatever keyboard it was typed on (RFC 8265, OpaqueString)."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
