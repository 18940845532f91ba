# SPDX-License-Identifier: Apache-2.0
"""What accounts, roles and the parts of rules may look like, and what is said where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.auth import names
from entrepot.oci.errors import RequestInvalid

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (names.parse_account_name, "ann", "ann"),
        (names.parse_account_name, "Ann.B_c-1@EXAMPLE.com", "Ann.B_c-1@EXAMPLE.com"),
        (names.parse_account_name, "a" * 64, "a" * 64),
        (names.parse_role_name, "read-all", "read-all"),
        (names.parse_role_name, "UI_ADMIN", "UI_ADMIN"),
        (names.parse_subject, "role:developers", "role:developers"),
        (names.parse_subject, "user:ann@example.com", "user:ann@example.com"),
        (names.parse_subject, "robot:ci", "robot:ci"),
        (names.parse_pattern, "team/**", "team/**"),
        (names.parse_pattern, "***", "**"),
        (names.parse_pattern, "?a*", "?a*"),
        (names.parse_network, "*", "*"),
        (names.parse_network, "192.168.*", "192.168.*"),
        (names.parse_network, "FD00::*", "fd00::*"),
        (names.parse_network, "10.1.2.3/8", "10.0.0.0/8"),
        (names.parse_network, "10.1.2.3", "10.1.2.3"),
        (names.parse_network, "2001:DB8::/32", "2001:db8::/32"),
        (names.parse_network, "::ffff:10.0.0.1", "10.0.0.1"),
        (names.parse_network, "::ffff:10.0.0.0/104", "10.0.0.0/8"),
        (names.parse_actions, "pull", frozenset({"pull"})),
        (names.parse_actions, "push, pull,pull", frozenset({"pull", "push"})),
        (names.parse_actions, "*", frozenset({"pull", "push", "delete"})),
        (names.parse_comment, "", ""),
        (names.parse_comment, "für Jürgen", "für Jürgen"),
    ],
)
def test_taken(parse: Callable[[str], object], text: str, expected: object) -> None:
    """In the one form in which it is kept."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("parse", "text", "said"),
    [
        *(
            (names.parse_account_name, text, "letters, digits")
            for text in ("", "-a", ".", "..", "a:b", "a b", "a/b", "jürgen", "a" * 65, "a\n", "a\0", "a,b", "*")
        ),
        *((names.parse_role_name, text, "letters, digits") for text in ("", "-a", "a,b", "a:b", "a@b", "ä", "a" * 65)),
        *(
            (names.parse_subject, text, said)
            for text, said in (
                ("", "role:NAME"),
                ("ann", "role:NAME"),
                ("group:ann", "role:NAME"),
                ("user:", "letters, digits"),
                ("role:a:b", "letters, digits"),
            )
        ),
        *(
            (names.parse_pattern, text, "small letters")
            for text in ("", "Team/**", "/team", "a b", "[ab]", "{a,b}", "a" * 256, "a\n", "ä", "../a")
        ),
        *(
            (names.parse_pattern, text, "without the registry's host and without a tag")
            for text in ("registry.example.com:5000/x", "x:latest", "localhost:5000/team/*", "x@sha256:" + "0" * 64)
        ),
        *(
            (names.parse_network, text, "10.0.0.0/8")
            for text in ("", "local", "10.0.0", "10.0.0.0/33", "**x", "1.2.3.4 ", "10.*/8", "*" * 65, "example.com")
        ),
        *((names.parse_actions, text, "pull, push, delete") for text in ("", "write", "pull,", "pull,*", "PULL")),
        *((names.parse_comment, text, "one line") for text in ("a\nb", "\0", "\x1b[31m", "x" * 1001)),
    ],
)
def test_refused(parse: Callable[[str], object], text: str, said: str) -> None:
    """With what is allowed."""
    with pytest.raises(RequestInvalid) as caught:
        parse(text)
    assert said in str(caught.value.detail)
