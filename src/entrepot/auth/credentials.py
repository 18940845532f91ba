# SPDX-License-Identifier: Apache-2.0
"""What a client says to prove who it is: the Authorization header, read once (RFC 7617, RFC 6750)."""

import binascii
import re
from dataclasses import dataclass, field

LONGEST = 65_536
"""Characters of the header at most; a token with very many scopes has some ten thousand."""

LONGEST_NAME = 255
"""Characters of a user's name at most, as in ``htpasswd``."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Basic:
    """A user's name and password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token, whatever it holds."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unusable:
    """A header that proves nothing. ``reason`` says what to do and repeats nothing of it."""

    reason: str


Credentials = Basic | Bearer | Unusable | None
"""None: no header came."""


def parse_credentials(header: str | None) -> Credentials:
    """``header``: as sent, as latin-1; "" where it came twice. Never raises."""
    if header is None:
        return None
    if not header:
        return Unusable("the Authorization header is empty or came twice; send one")
    if len(header) > LONGEST:
        return Unusable(f"the Authorization header is longer than {LONGEST} characters")
    scheme, _, rest = header.strip(" \t").partition(" ")
    match scheme.lower():
        case "basic":
            return _parse_basic(rest.strip(" "))
        case "bearer":
            token = rest.strip(" ")
            return Bearer(token) if _TOKEN.fullmatch(token) else Unusable("the bearer token is empty or malformed")
    return Unusable("the Authorization header is of an unknown scheme; Basic and Bearer are known")


def _parse_basic(encoded: str) -> Basic | Unusable | None:
    plain = _decode_base64(encoded)
    if plain is None:
        return Unusable("the Basic credentials are not base64 of USER:PASSWORD")
    if plain == b":":
        return None  # so docker searches for who has not logged in
    user, colon, password = _decode(plain).partition(":")
    if not colon:
        return Unusable("the Basic credentials hold no colon; they are base64 of USER:PASSWORD")
    return check_basic(user, password)


def check_basic(user: str, password: str) -> Basic | Unusable:
    """The same for a name and a password that came in another way. Never raises."""
    if not user or len(user) > LONGEST_NAME:
        return Unusable(f"a user's name has 1 to {LONGEST_NAME} characters")
    if any(letter < " " or letter == "\x7f" for letter in user) or "\x00" in password:
        return Unusable("the name or the password holds control characters")
    return Basic(user, password)


def _decode_base64(encoded: str) -> bytes | None:
    if len(encoded) % 4:  # Python lets some padding pass that is too much
        return None
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:  # binascii's error is one, and so is that for text that is not ASCII
        return None


def _decode(plain: bytes) -> str:
    """UTF-8 as RFC 7617 would have it, else latin-1, which old clients send."""
    try:
        return plain.decode()
    except UnicodeDecodeError:
        return plain.decode("latin-1")
