# SPDX-License-Identifier: Apache-2.0
"""Tokens as we write and read them; and those that others write with what they know of us."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entrepot.auth.issuing import REFRESH_SECONDS, InvalidToken, Issuer, find_epoch
from entrepot.auth.keys import SigningPair, make_pair
from entrepot.index.directory import Account
from entrepot.oci.access import Access

ALICE = Account("alice", "user", "", epoch=3, created_at=1700000000.25)
PULL = Access("repository", "team/app", frozenset({"pull"}))


def parse(pair: tuple[str, str]) -> SigningPair:
    return SigningPair.parse(pair[0].encode(), pair[1].encode())


@pytest.fixture(scope="module")
def pair() -> SigningPair:
    return parse(make_pair())


@pytest.fixture
def issuer(pair: SigningPair) -> Issuer:
    return Issuer(pair, "our issuer", "our service", 300.0)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def test_what_an_access_token_says(issuer: Issuer, pair: SigningPair) -> None:
    """All that registry:2 and 3 look at, in the forms that both take: one audience as text, whole numbers, both ways to
    find the key.
    """
    issued = issuer.issue_access("alice", "3", [Access("repository(plugin)", "p", frozenset({"pull"})), PULL])
    header, claims = jwt.get_unverified_header(issued.token), claims_of(issued.token)
    assert header == {"alg": "ES256", "typ": "JWT", "kid": pair.kid, "x5c": list(pair.x5c)}
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("our issuer", "alice", "our service")
    assert claims["access"] == [
        {"type": "repository", "class": "plugin", "name": "p", "actions": ["pull"]},
        {"type": "repository", "name": "team/app", "actions": ["pull"]},
    ]
    assert claims["exp"] - claims["iat"] == issued.expires_in == 300
    assert claims["nbf"] < claims["iat"]
    assert all(isinstance(claims[name], int) for name in ("exp", "nbf", "iat"))
    assert claims["jti"] != claims_of(issuer.issue_access("alice", "3", []).token)["jti"]


def test_what_was_written_is_read(issuer: Issuer) -> None:
    """Subject, epoch and grants come back; several entries on one name are one."""
    push = Access("repository", "team/app", frozenset({"push"}))
    token = issuer.read_access(issuer.issue_access("alice", "3", [PULL, push]).token)
    assert (token.subject, token.epoch) == ("alice", "3")
    assert token.covers(Access("repository", "team/app", frozenset({"pull", "push"})))
    assert not token.covers(Access("repository", "team/app", frozenset({"delete"})))
    assert not token.covers(Access("repository", "team/other", frozenset({"pull"})))
    assert not token.covers(Access("registry", "team/app", frozenset({"pull"})))


def test_a_star_is_everything_of_its_name(issuer: Issuer) -> None:
    """``*`` covers all actions there, and nothing elsewhere."""
    token = issuer.read_access(issuer.issue_access("a", "1", [Access("repository", "x", frozenset({"*"}))]).token)
    assert token.covers(Access("repository", "x", frozenset({"pull", "push", "delete"})))
    assert not token.covers(Access("repository", "y", frozenset({"pull"})))


def test_a_token_ends_with_its_account(issuer: Issuer) -> None:
    """What is given to a robot that expires in ten seconds holds no longer."""
    issued = issuer.issue_access("robot", "1", [], time.time() + 10)
    assert 8 <= issued.expires_in <= 10
    assert issuer.issue_access("robot", "1", [], time.time() - 10).expires_in == 0


def test_refresh_tokens(pair: SigningPair) -> None:
    """They hold thirty days for a person and as long as it lives for a robot, and say nothing of access."""
    now = [1_800_000_000.0]
    issuer = Issuer(pair, "our issuer", "our service", 300.0, lambda: now[0])
    raw = issuer.issue_refresh(ALICE)
    # PyJWT compares with the true clock whether a token is of the future, so the clock is that of the claims alone.
    claims = claims_of(raw)
    assert claims["exp"] - claims["iat"] == REFRESH_SECONDS
    assert "access" not in claims
    robot = Account("ci", "robot", "", expires_at=now[0] + 90 * 86400)
    assert claims_of(issuer.issue_refresh(robot))["exp"] == int(now[0] + 90 * 86400)


def test_a_refresh_token_is_read_until_it_expires(pair: SigningPair) -> None:
    """With its subject and epoch; then no more."""
    begun = time.time()
    now = [begun]
    issuer = Issuer(pair, "our issuer", "our service", 300.0, lambda: now[0])
    raw = issuer.issue_refresh(ALICE)
    token = issuer.read_refresh(raw)
    assert (token.subject, token.epoch) == ("alice", find_epoch(ALICE))
    now[0] = begun + REFRESH_SECONDS + 1
    with pytest.raises(InvalidToken, match="expired"):
        issuer.read_refresh(raw)


def test_neither_passes_as_the_other(issuer: Issuer) -> None:
    """An access token refreshes nothing, a refresh token opens nothing."""
    access, refresh = issuer.issue_access("alice", find_epoch(ALICE), [PULL]).token, issuer.issue_refresh(ALICE)
    assert issuer.read_access(access).subject == issuer.read_refresh(refresh).subject == "alice"
    with pytest.raises(InvalidToken):
        issuer.read_access(refresh)
    with pytest.raises(InvalidToken):
        issuer.read_refresh(access)


def test_an_account_of_the_same_name_has_other_epochs() -> None:
    """Removed and made again, it is another account: its number alone would let old tokens in."""
    again = Account("alice", "user", "", epoch=3, created_at=1700000001.0)
    assert find_epoch(ALICE) != find_epoch(again)


def of_another_hand(pair: SigningPair, kind: str, good: str) -> str | None:
    """A token that is not signed with our key."""
    claims, other = claims_of(good), parse(make_pair())
    head, body, signature = good.split(".")
    match kind:
        case "unsigned":
            return jwt.encode(claims, "", "none", {"typ": "JWT"})
        case "signed with the public key":
            public = pair.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
            made = hmac.digest(public, f"{head}.{body}".encode(), hashlib.sha256)
            return f"{head}.{body}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"
        case "another key":
            return jwt.encode(claims, other.key, "ES256", {"kid": pair.kid, "x5c": list(pair.x5c)})
        case "another key with its certificate":
            return jwt.encode(claims, other.key, "ES256", {"kid": other.kid, "x5c": list(other.x5c)})
        case "changed body":
            return f"{head}.{body[:-4]}AAAA.{signature}"
    return {
        "without signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "rubbish": "a.b.c",
        "empty": "",
    }.get(kind)


CHANGES: dict[str, dict[str, object]] = {
    "another issuer": {"iss": "their issuer"},
    "another audience": {"aud": "their service"},
    "of tomorrow": {"nbf": int(time.time()) + 86400, "iat": int(time.time()) + 86400},
    "no epoch": {"epoch": None},
    "no subject": {"sub": None},
    "no end": {"exp": None},
    "odd subject": {"sub": ["alice"]},
    "odd end": {"exp": "tomorrow"},
    "another type": {},
}
"""Claims that our key signs all the same: another program may have it."""


def forge(pair: SigningPair, kind: str) -> str:
    """A token that somebody else wrote."""
    good = Issuer(pair, "our issuer", "our service", 300.0).issue_access("alice", "3", [PULL]).token
    foreign = of_another_hand(pair, kind, good)
    if foreign is not None:
        return foreign
    claims = {**claims_of(good), **CHANGES[kind]}
    left = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(left, pair.key, "ES256", {"typ": "at+jwt" if kind == "another type" else "JWT"})


FORGERIES = (
    *("unsigned", "signed with the public key", "another key", "another key with its certificate", "changed body"),
    *("without signature", "two parts", "rubbish", "empty", *CHANGES),
)


@pytest.mark.parametrize("kind", FORGERIES)
def test_forgeries(issuer: Issuer, pair: SigningPair, kind: str) -> None:
    """None is read, and what is raised is always the same, as either kind of token."""
    forged = forge(pair, kind)
    for read in (issuer.read_access, issuer.read_refresh):
        with pytest.raises(InvalidToken, match=r"^this (is|token)|^the refresh token") as refused:
            read(forged)
        assert "Error" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("rubbish", "this is no token of this registry"),
        ("two parts", "this is no token of this registry"),
        ("another key", "not signed by this registry, or it was changed"),
        ("unsigned", "not signed by this registry"),
    ],
)
def test_forgeries_are_named(issuer: Issuer, pair: SigningPair, kind: str, said: str) -> None:
    """In words for people, without those of a library."""
    with pytest.raises(InvalidToken, match=said):
        issuer.read_access(forge(pair, kind))


@pytest.mark.parametrize(
    "access",
    [None, "text", {"a": 1}, [1], [None], [{"type": 1, "name": "x", "actions": []}], [{"type": "repository"}], [[]]],
)
def test_odd_access_of_another_program(issuer: Issuer, pair: SigningPair, access: object) -> None:
    """A program that has the same key may write what it likes: entries of other forms grant nothing."""
    claims = claims_of(issuer.issue_access("alice", "3", []).token)
    claims["access"] = access
    token = issuer.read_access(jwt.encode(claims, pair.key, "ES256", {"typ": "JWT"}))
    assert token.granted == {}


def test_a_kilometre_of_brackets(issuer: Issuer) -> None:
    """JSON nested deeper than Python recurses is no token."""
    deep = base64.urlsafe_b64encode(b"[" * 40_000).decode().rstrip("=")
    with pytest.raises(InvalidToken):
        issuer.read_access(f"{deep}.{deep}.AAAA")
