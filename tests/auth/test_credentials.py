# SPDX-License-Identifier: Apache-2.0
"""The Authorization header becomes credentials, or a reason why it is none."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.auth.credentials import LONGEST, Basic, Bearer, Credentials, Unusable, parse_credentials


def basic(plain: str | bytes, scheme: str = "Basic") -> str:
    data = plain if isinstance(plain, bytes) else plain.encode()
    return f"{scheme} {b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("header", "meant"),
    [
        (None, None),
        (basic(":"), None),
        (basic("alice:secret"), Basic("alice", "secret")),
        (basic("alice:secret", "bAsIc"), Basic("alice", "secret")),
        ("Basic   " + basic("alice:secret")[6:] + "  ", Basic("alice", "secret")),
        (basic("alice:a:b:c"), Basic("alice", "a:b:c")),
        (basic("alice:"), Basic("alice", "")),
        (basic("älice:pässwörd ☂"), Basic("älice", "pässwörd ☂")),
        (basic("älice:pä".encode("latin-1")), Basic("älice", "pä")),
        (basic("alice:" + "x" * 5000), Basic("alice", "x" * 5000)),
        ("Bearer abc.def-_~+/==", Bearer("abc.def-_~+/==")),
        ("BEARER abc", Bearer("abc")),
    ],
)
def test_good(header: str | None, meant: Credentials) -> None:
    """Scheme words in any case; colons and UTF-8 in passwords."""
    assert parse_credentials(header) == meant


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic YWxpY2U6c2VjcmV0=",
        "Basic YWxpY2U6c2VjcmV",
        "Basic YWxp Y2U6c2VjcmV0",
        "Basic é",
        "Basic ☂",
        basic("alice"),
        basic(":secret"),
        basic("a" * 10_240 + ":x"),
        basic("a\0b:x"),
        basic("alice:a\0b"),
        basic("a\r\nb:x"),
        basic("a\x7f:x"),
        "Bearer",
        "Bearer ",
        "Bearer a b",
        'Bearer a"b',
        "Bearer é",
        "Bearer =",
        "Digest username=alice",
        "Negotiate abc",
        "alice:secret",
        "Basic:YWxpY2U6c2VjcmV0",
        "Bearer\tabc",
        "Bearer " + "a" * LONGEST,
        "x" * 1_000_000,
    ],
)
def test_bad(header: str) -> None:
    """What proves nothing says why, in words that repeat none of it."""
    found = parse_credentials(header)
    assert isinstance(found, Unusable)
    assert found.reason.isprintable()
    assert len(found.reason) < 200


@given(st.text())
def test_never_raises(header: str) -> None:
    """Whatever comes is read or refused."""
    for text in (header, f"Basic {header}", f"Bearer {header}", basic(header.encode("utf-8", "ignore"))):
        parse_credentials(text)


def test_secrets_stay_out_of_repr() -> None:
    """Neither password nor token is in what a log might show."""
    assert "secret" not in repr(parse_credentials(basic("alice:secret")))
    assert "secret" not in repr(parse_credentials("Bearer secret"))
