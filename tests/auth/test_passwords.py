# SPDX-License-Identifier: Apache-2.0
"""Passwords as they are kept."""

import pytest
from argon2 import PasswordHasher, extract_parameters

from entrepot.auth.passwords import DUMMY, hash_password, needs_rehash, verify_password

GOOD = ("correct horse", "pass:with:colons", "ключ-от-склада", "x" * 1024, " spaces ", "nul\0inside")


@pytest.mark.parametrize("text", GOOD)
def test_right_and_wrong(text: str) -> None:
    """The password is right, and nothing that differs in one character, its case or its end is."""
    stored = hash_password(text)
    assert verify_password(stored, text)
    for other in (text[:-1], f"{text}x", text.swapcase(), "", f"{text}\n", text[:72] + "!" * 952):
        assert other == text or not verify_password(stored, other)


def test_parameters() -> None:
    """argon2id with 19 MiB, two passes and one lane; the salt is another each time."""
    stored = hash_password("the same")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hash_password("the same") != stored


def test_beyond_72_bytes() -> None:
    """Nothing is cut off, as bcrypt does."""
    assert not verify_password(hash_password("x" * 72 + "a"), "x" * 72 + "b")


def test_one_spelling() -> None:
    """The same letter typed in one piece or in two is the same password."""
    assert verify_password(hash_password("caf\u00e9-1234"), "cafe\u0301-1234")


@pytest.mark.parametrize(
    "stored", ["", "x", "$2y$10$abc", "$argon2id$v=19$m=19456,t=2,p=1$", "$argon2id$" + "x" * 5000]
)
def test_no_hash(stored: str) -> None:
    """What is no hash of ours is nobody's password, and no error."""
    assert not verify_password(stored, "anything")
    assert not needs_rehash(stored)


def test_lone_surrogates() -> None:
    """Text that is no UTF-8 is wrong, and no error."""
    assert not verify_password(DUMMY, "\udcff")


def test_rehash() -> None:
    """Hashes of other parameters are to be made anew; they verify meanwhile."""
    weaker = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("password")
    assert needs_rehash(weaker)
    assert verify_password(weaker, "password")
    assert not needs_rehash(hash_password("password"))


def test_dummy() -> None:
    """It costs what a real one costs, and is no password's that anybody would try."""
    assert extract_parameters(DUMMY) == extract_parameters(hash_password("any"))
    assert not needs_rehash(DUMMY)
    for text in ("", "password", "dummy", "admin"):
        assert not verify_password(DUMMY, text)
