# SPDX-License-Identifier: Apache-2.0
"""Challenges are well-formed whatever goes into them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.auth.challenges import build_realm, challenge_basic, challenge_bearer, quote, refuse
from entrepot.oci.access import CATALOG, PUSH, to_repository
from entrepot.oci.names import RepositoryName

APP = to_repository(RepositoryName("team/app"), PUSH)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("Registry", '"Registry"'),
        ('a "b" \\c', '"a \\"b\\" \\\\c"'),
        ("a\r\nSet-Cookie: x", '"a\\r\\nSet-Cookie: x"'),
        ("\0\x1b\x7f", '"\\x00\\x1b\\x7f"'),
        ("\u2028\U000e0001", '"\\u2028\\U000e0001"'),
        ("\ud800", '"\\ud800"'),
    ],
)
def test_quoted_as_go_does(text: str, quoted: str) -> None:
    """Quotes, backslashes and what cannot be printed are escaped."""
    assert quote(text) == quoted


def test_quoted_utf8() -> None:
    """Other letters go out as UTF-8."""
    assert quote("Rägistry ☂").encode("latin-1").decode() == '"Rägistry ☂"'


@given(st.text())
def test_nothing_leaves_the_quotes(text: str) -> None:
    """No text ends its quotes, and none ends the header."""
    quoted = quote(text)
    quoted.encode("latin-1")
    assert not any(letter in quoted for letter in "\r\n\0")
    inside = quoted[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in inside


def test_bearer() -> None:
    """Realm and service always, scopes and error where there are any; several scopes are one text."""
    assert challenge_bearer("https://r/token", "s") == 'Bearer realm="https://r/token",service="s"'
    assert challenge_bearer("https://r/token", "s", (APP, CATALOG), "insufficient_scope") == (
        'Bearer realm="https://r/token",service="s",scope="repository:team/app:pull,push registry:catalog:*",'
        'error="insufficient_scope"'
    )


def test_basic() -> None:
    """A refusal is 401 with its challenge."""
    refused = refuse(challenge_basic("Registry"))
    assert refused.status == 401
    assert refused.headers == {"WWW-Authenticate": 'Basic realm="Registry"'}


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:5000",
        "https://registry.example.com",
        "http://[::1]:5000",
        "https://my_host",
        "http://10.0.0.1",
    ],
)
def test_realm_of_an_origin(origin: str) -> None:
    """The realm is below the origin that the client sees."""
    assert build_realm(origin, "/auth/token") == f"{origin}/auth/token"


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "http://",
        "ftp://example.com",
        "javascript:alert(1)",
        "https,http://example.com",
        "http://evil.example/path",
        "http://user@evil.example",
        'http://a",service="x',
        "http://a b",
        "http://a\r\nX: y",
        "http://a\n",
        "http://a:port",
        "http://a:123456",
        "http://[::1",
        "http://exämple.com",
        "http://" + "a" * 300,
        "http://a?b",
        "http://a#b",
        "http://-a",
    ],
)
def test_realm_of_no_origin(origin: str) -> None:
    """What an attacker writes into Host is not sent back."""
    assert build_realm(origin, "/auth/token") == "/auth/token"
