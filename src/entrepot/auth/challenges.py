# SPDX-License-Identifier: Apache-2.0
"""What a client is told that must say who it is: ``WWW-Authenticate`` (compat.md 4.1, 4.2, 4.4).

A challenge is the same whether or not what was asked for is there.
"""

import re
from collections.abc import Sequence
from typing import Literal

from entrepot.oci.access import Access
from entrepot.oci.errors import Unauthorized

Fault = Literal["", "invalid_token", "insufficient_scope"]
"""What is wrong with a token, as RFC 6750 names it; "" where none came."""

_ORIGIN = re.compile(
    r"https?://(?:[a-z0-9_](?:[a-z0-9._-]{0,252}[a-z0-9_.])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?",
    re.ASCII | re.IGNORECASE,
)
_SHORT = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def quote(text: str) -> str:
    """``text`` in quotes as Go's ``%q`` writes it: nothing in it can end the quotes or the header.

    What is not ASCII goes out as UTF-8; headers are written as latin-1.
    """
    return '"' + "".join(map(_escape, text)).encode().decode("latin-1") + '"'


def _escape(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    if letter.isprintable():
        return letter
    if letter in _SHORT:
        return _SHORT[letter]
    number = ord(letter)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def challenge_basic(realm: str) -> str:
    """``Basic realm="..."``."""
    return f"Basic realm={quote(realm)}"


def challenge_bearer(realm: str, service: str, needs: Sequence[Access] = (), fault: Fault = "") -> str:
    """``Bearer realm="...",service="..."`` with the scopes that ``needs`` are and what was wrong."""
    parts = [f"Bearer realm={quote(realm)}", f"service={quote(service)}"]
    if needs:
        parts.append(f"scope={quote(' '.join(map(str, needs)))}")
    if fault:
        parts.append(f'error="{fault}"')
    return ",".join(parts)


def refuse(challenge: str, detail: object = None) -> Unauthorized:
    """The answer 401 with ``challenge``. ``detail`` never tells what is there, nor what was sent."""
    return Unauthorized(detail, headers={"WWW-Authenticate": challenge})


def build_realm(origin: str, path: str) -> str:
    """Where tokens are had: ``path`` under the origin as the client sees it.

    The origin is what the client says in Host, so that anything may be in it: one that is not plainly scheme, host and
    port is left out, and the path stands alone.
    """
    return f"{origin}{path}" if _ORIGIN.fullmatch(origin) else path
