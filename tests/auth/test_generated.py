# SPDX-License-Identifier: Apache-2.0
"""Secrets that are made up."""

import re

import pytest

from entrepot.auth.generated import READABLE, hash_token, make_password, make_token, verify_token


def test_passwords() -> None:
    """Five groups of characters that nobody takes for another; never the same twice."""
    made = {make_password() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(rf"[{READABLE}]{{5}}(-[{READABLE}]{{5}}){{4}}", one) for one in made)
    assert not {*"l1o0I"} & {*READABLE}
    assert len({*READABLE}) == 32


def test_tokens() -> None:
    """They can be recognised, fit into one word, and are never the same twice."""
    made = {make_token() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"ept_[A-Za-z0-9]{44}", one) for one in made)


def test_what_is_kept() -> None:
    """What is kept does not hold the token, and verifies it alone."""
    token = make_token()
    stored = hash_token(token)
    assert re.fullmatch("sha256:[0-9a-f]{64}", stored)
    assert verify_token(stored, token)
    for other in (make_token(), token[:-1], "", stored, f"{token} ", "\udcff"):
        assert not verify_token(stored, other)


@pytest.mark.parametrize("stored", ["", "sha256:", "$argon2id$v=19$m=19456,t=2,p=1$a$b"])
def test_no_hash(stored: str) -> None:
    """What is no hash of a token verifies nothing, not even itself."""
    assert not verify_token(stored, "")
    assert not verify_token(stored, stored)
