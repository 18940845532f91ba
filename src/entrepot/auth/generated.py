# SPDX-License-Identifier: Apache-2.0
"""Secrets that we make up: passwords that a person can read out, and tokens of robots.

A token is as good as random, so that one round of SHA-256 keeps it: nobody can guess what it was made of, and a robot
that logs in for each of its pulls costs microseconds.
"""

import hmac
import secrets
import string
from hashlib import sha256

TOKEN_PREFIX = "ept_"  # noqa: S105 - the part that everybody may know
"""Begins each token, so that people and scanners of repositories see what leaked."""

TOKEN_LENGTH = 44
"""Letters and digits of a token behind its prefix: 262 bits."""

READABLE = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 characters that nobody takes for another: 5 bits each."""

GROUPS = 5
"""Groups of five readable characters in a password: 125 bits."""

_SHA256 = "sha256:"


def make_password() -> str:
    """Such as ``k7wdm-x2rtp-9hcba-vq4nz-e8sgy``: 125 random bits."""
    return "-".join("".join(secrets.choice(READABLE) for _ in range(5)) for _ in range(GROUPS))


def make_token() -> str:
    """Such as ``ept_...``: 262 random bits."""
    alphabet = string.ascii_letters + string.digits
    return TOKEN_PREFIX + "".join(secrets.choice(alphabet) for _ in range(TOKEN_LENGTH))


def hash_token(token: str) -> str:
    """What is kept of a token: ``sha256:`` and 64 digits."""
    return _SHA256 + sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def is_token(stored: str) -> bool:
    """Whether ``stored`` is the hash of a token, not of a password."""
    return stored.startswith(_SHA256)


def verify_token(stored: str, token: str) -> bool:
    """Whether ``token`` is the one that ``stored`` was made of; False where ``stored`` is no hash of a token."""
    return hmac.compare_digest(stored.encode(), hash_token(token).encode())
