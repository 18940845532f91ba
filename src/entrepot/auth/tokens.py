# SPDX-License-Identifier: Apache-2.0
"""Tokens that an issuer elsewhere signed: what they say, and whether it is to be believed (compat.md 4.3; RFC 7519)."""

import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, cast

from cryptography.exceptions import UnsupportedAlgorithm
from jwt.algorithms import Algorithm, get_default_algorithms
from jwt.exceptions import PyJWTError

from entrepot.auth.trust import Trust
from entrepot.oci.access import ALL, Access

LONGEST = 16_384
"""Characters of a token at most: room for a hundred scopes and a chain of certificates."""

LONGEST_SUBJECT = 1000
"""Characters of the name of whom it is about, which events tell."""

LEEWAY = 60.0
"""Seconds by which the clocks of issuer and registry may differ."""

_LARGEST_TIME = 2**53
_NOT_BASE64 = "a part of the token is not base64url"


class TokenInvalid(Exception):
    """A token that is not believed; the message says why and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token with a good signature, whose issuer and audience are right and whose time has come.

    ``expires``: in Unix seconds; it may have passed. ``access``: actions by kind and name.
    """

    subject: str
    expires: float
    access: Mapping[tuple[str, str], frozenset[str]]

    def allows(self, need: Access) -> bool:
        """Whether it grants all of ``need``: to exactly this name, ``*`` for every action."""
        granted = self.access.get((need.kind, need.name), frozenset())
        return need.actions <= granted or granted >= ALL


class TokenReader:
    """Checks tokens of one issuer for one service."""

    def __init__(self, issuer: str, service: str, algorithms: Sequence[str]) -> None:
        self._issuer = issuer
        self._service = service
        known = get_default_algorithms()
        self._algorithms: Mapping[str, Algorithm] = {name: known[name] for name in algorithms}

    def read(self, text: str, trust: Trust, now: float) -> Token:
        """What ``text`` says. Raises ``TokenInvalid``; an expired one is told by ``Token.expires``."""
        if len(text) > LONGEST:
            raise TokenInvalid(f"a token has at most {LONGEST} characters")
        parts = text.split(".")
        if len(parts) != 3:
            raise TokenInvalid("the token does not consist of three parts")
        header = _parse(parts[0])
        self._check_signature(header, f"{parts[0]}.{parts[1]}".encode(), _decode(parts[2]), trust, now)
        return self._read_claims(_parse(parts[1]), now)

    def _check_signature(
        self, header: Mapping[str, object], signed: bytes, signature: bytes, trust: Trust, now: float
    ) -> None:
        name = header.get("alg")
        algorithm = self._algorithms.get(name) if isinstance(name, str) else None
        if algorithm is None:
            raise TokenInvalid("the token is signed in a way that is not allowed (auth.token.signingalgorithms)")
        if "crit" in header:
            raise TokenInvalid("the token asks for extensions that this registry does not know")
        trusted = trust.find_key(header, now)
        if trusted is None:
            raise TokenInvalid("the token's key is not among those that this registry trusts")
        if name not in trusted.algorithms:
            raise TokenInvalid("the token is signed in a way that its key is not for")
        try:
            good = algorithm.verify(signed, algorithm.prepare_key(trusted.key), signature)
        except (PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
            good = False
        if not good:
            raise TokenInvalid("the token's signature is wrong")

    def _read_claims(self, claims: Mapping[str, object], now: float) -> Token:
        audience = claims.get("aud")
        if claims.get("iss") != self._issuer:
            raise TokenInvalid("the token is of another issuer")
        if self._service not in (audience if isinstance(audience, list) else [audience]):
            raise TokenInvalid("the token is for another service")
        expires, begins = _read_time(claims, "exp"), _read_time(claims, "nbf")
        if expires is None:
            raise TokenInvalid("the token does not say when it expires")
        if begins is not None and begins - LEEWAY > now:
            raise TokenInvalid("the token is not valid yet")
        subject = claims.get("sub", "")
        if not isinstance(subject, str) or not subject.isprintable() or len(subject) > LONGEST_SUBJECT:
            raise TokenInvalid(f"the token's sub is no text that can be printed, or over {LONGEST_SUBJECT} characters")
        return Token(subject, expires, _read_access(claims.get("access")))


def _read_access(value: object) -> Mapping[tuple[str, str], frozenset[str]]:
    granted: dict[tuple[str, str], frozenset[str]] = {}
    for entry in _require_list(value):
        if not isinstance(entry, dict):
            _refuse_access()
        kind, name, actions = entry.get("type", ""), entry.get("name", ""), _require_list(entry.get("actions"))
        if not isinstance(kind, str) or not isinstance(name, str) or not all(isinstance(each, str) for each in actions):
            _refuse_access()
        granted[kind, name] = granted.get((kind, name), frozenset()) | frozenset(cast(list[str], actions))
    return granted


def _require_list(value: object) -> Sequence[object]:
    if value is None:
        return ()
    if not isinstance(value, list):
        _refuse_access()
    return value


def _refuse_access() -> NoReturn:
    raise TokenInvalid("the token's access is no list of {type, name, actions}")


def _read_time(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LARGEST_TIME:
        raise TokenInvalid(f"the token's {name} is no time in seconds")
    return float(value)


def _parse(part: str) -> Mapping[str, object]:
    try:
        found = json.loads(_decode(part).decode())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise TokenInvalid("a part of the token is no JSON object")
    return found


def _decode(part: str) -> bytes:
    """base64url without padding (RFC 7515, 2)."""
    if "=" in part:
        raise TokenInvalid(_NOT_BASE64)
    padding = "=" * (-len(part) % 4)
    try:
        return binascii.a2b_base64(part.translate({ord("-"): "+", ord("_"): "/"}) + padding, strict_mode=True)
    except ValueError:
        raise TokenInvalid(_NOT_BASE64) from None
