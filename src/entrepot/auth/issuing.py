# SPDX-License-Identifier: Apache-2.0
"""Our own tokens: written, and read again (compat.md 4.3; RFC 7519).

An access token says what was granted; a registry elsewhere needs no more. Ours also looks at the account again with
each use, so that each token holds for one state of its account: its epoch. A refresh token says only who somebody is.
It has another type and another audience, and no access: nobody takes one for the other.
"""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import jwt

from entrepot.auth.keys import SigningPair
from entrepot.index.directory import Account
from entrepot.oci.access import ALL, Access

LEEWAY = 60
"""Seconds by which clocks of replicas may differ: a token of the near future holds."""

REFRESH_SECONDS = 30 * 24 * 3600.0
"""For which a person's refresh token holds."""

ROBOT_REFRESH_SECONDS = 10 * 365 * 24 * 3600.0
"""For which that of a robot holds that never expires."""

NO_ACCOUNT = "-"
"""Stands for the epoch of somebody whom a proxy has signed in and who has no account."""

_ACCESS_TYPE = "JWT"
_REFRESH_TYPE = "refresh+jwt"


class InvalidToken(Exception):
    """No token of ours, or not of the kind that is wanted here."""


@dataclass(frozen=True, slots=True)
class Issued:
    """``expires_in``: seconds from ``issued_at``."""

    token: str = field(repr=False)
    expires_in: int
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What was found in one. ``subject`` "": nobody. ``epoch``: see :func:`find_epoch`; ``granted``: actions by kind
    and name.
    """

    subject: str
    epoch: str
    expires_at: float
    granted: Mapping[tuple[str, str], frozenset[str]]

    def covers(self, need: Access) -> bool:
        """Whether it was granted."""
        actions = self.granted.get((need.kind, need.name))
        return actions is not None and (need.actions <= actions or actions >= ALL)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """Who somebody is, and in which epoch."""

    subject: str
    epoch: str
    expires_at: float


def find_epoch(account: Account) -> str:
    """For what a token of this account holds: also not for a later one of the same name."""
    return f"{account.epoch}@{account.created_at:.6f}"


class Issuer:
    """Signs with one pair, and believes what was signed with it."""

    def __init__(
        self, pair: SigningPair, issuer: str, service: str, lifetime: float, now: Callable[[], float] = time.time
    ) -> None:
        """``lifetime``: seconds that an access token holds."""
        self._pair = pair
        self._public = pair.public
        self._issuer = issuer
        self._service = service
        self._refresh_audience = f"{issuer} refresh"
        self._lifetime = int(lifetime)
        self._now = now

    def issue_access(self, subject: str, epoch: str, granted: Sequence[Access], until: float | None = None) -> Issued:
        """An access token; it ends no later than ``until``."""
        now = int(self._now())
        expires_at = now + self._lifetime if until is None else max(now, min(now + self._lifetime, int(until)))
        claims: dict[str, object] = {
            "iss": self._issuer,
            "sub": subject,
            "aud": self._service,
            "exp": expires_at,
            "nbf": now - LEEWAY,
            "iat": now,
            "jti": secrets.token_urlsafe(12),
            "access": [_write_access(one) for one in granted],
            "epoch": epoch,
        }
        headers = {"typ": _ACCESS_TYPE, "kid": self._pair.kid, "x5c": list(self._pair.x5c)}
        return Issued(self._sign(claims, headers), expires_at - now, datetime.fromtimestamp(now, UTC))

    def issue_refresh(self, account: Account) -> str:
        """A refresh token for this epoch of the account. Robots, whose own token lies beside it, keep it as long as
        that holds.
        """
        now = self._now()
        most = ROBOT_REFRESH_SECONDS if account.kind == "robot" else REFRESH_SECONDS
        until = now + most if account.expires_at is None else min(now + most, account.expires_at)
        claims: dict[str, object] = {
            "iss": self._issuer,
            "sub": account.name,
            "aud": self._refresh_audience,
            "exp": int(until),
            "nbf": int(now) - LEEWAY,
            "iat": int(now),
            "jti": secrets.token_urlsafe(12),
            "epoch": find_epoch(account),
        }
        return self._sign(claims, {"typ": _REFRESH_TYPE, "kid": self._pair.kid})

    def read_access(self, raw: str) -> AccessToken:
        """What an access token says; it may be expired, see ``expires_at``. Raises :class:`InvalidToken`."""
        claims = self._read(raw, _ACCESS_TYPE, self._service)
        subject, epoch, expires_at = _read_common(claims)
        granted: dict[tuple[str, str], frozenset[str]] = {}
        for kind, name, actions in _read_access(claims.get("access")):
            granted[kind, name] = granted.get((kind, name), frozenset()) | actions
        return AccessToken(subject, epoch, expires_at, granted)

    def read_refresh(self, raw: str) -> RefreshToken:
        """What a refresh token says; it holds now. Raises :class:`InvalidToken`."""
        token = RefreshToken(*_read_common(self._read(raw, _REFRESH_TYPE, self._refresh_audience)))
        if token.expires_at <= self._now():
            raise InvalidToken("the refresh token is expired")
        return token

    def _sign(self, claims: Mapping[str, object], headers: Mapping[str, object]) -> str:
        return jwt.encode(dict(claims), self._pair.key, self._pair.algorithm, dict(headers))

    def _read(self, raw: str, typ: str, audience: str) -> Mapping[str, object]:
        """Whoever signed with the key and for this issuer and audience is us; other programs may have the key, too, and
        write other claims. The header's own words about keys are not looked at.
        """
        try:
            whole = jwt.decode_complete(
                raw,
                self._public,
                [self._pair.algorithm],
                audience=audience,
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"require": ["iss", "sub", "aud", "exp", "nbf", "iat"], "verify_exp": False},
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise InvalidToken(_explain(error)) from error
        if whole["header"].get("typ") != typ:
            raise InvalidToken("this token is of another kind: access tokens and refresh tokens are not the same")
        return cast("Mapping[str, object]", whole["payload"])


_FAULTS: Sequence[tuple[type[Exception], str]] = (
    (jwt.InvalidSignatureError, "this token was not signed by this registry, or it was changed"),
    (jwt.InvalidAlgorithmError, "this token was not signed by this registry"),
    (jwt.InvalidAudienceError, "this token is for another service, or of another kind"),
    (jwt.InvalidIssuerError, "this token is of another issuer"),
    (jwt.ImmatureSignatureError, "this token is not valid yet; do the clocks of registry and issuer agree?"),
    (jwt.MissingRequiredClaimError, "this token lacks what tokens of this registry say"),
)


def _explain(error: Exception) -> str:
    """For people, who know nothing of our library."""
    for kind, sentence in _FAULTS:
        if isinstance(error, kind):
            return sentence
    return "this is no token of this registry"


def _write_access(one: Access) -> dict[str, object]:
    """A class, as in ``repository(plugin)``, has a field of its own."""
    kind, _, rest = one.kind.partition("(")
    entry: dict[str, object] = {"type": kind, "name": one.name, "actions": sorted(one.actions)}
    return {**entry, "class": rest.removesuffix(")")} if rest else entry


def _read_common(claims: Mapping[str, object]) -> tuple[str, str, float]:
    subject, epoch, expires_at = claims.get("sub"), claims.get("epoch"), claims.get("exp")
    if not (isinstance(subject, str) and isinstance(epoch, str) and type(expires_at) is int):  # NaN would never be past
        raise InvalidToken("this token was written by another program that has the same key")
    return subject, epoch, float(expires_at)


def _read_access(entries: object) -> Sequence[tuple[str, str, frozenset[str]]]:
    found = []
    for entry in entries if isinstance(entries, list) else ():
        match entry:
            case {"type": str(kind), "name": str(name), "actions": list(actions)}:
                found.append((kind, name, frozenset(action for action in actions if isinstance(action, str))))
    return found
