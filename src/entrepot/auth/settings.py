# SPDX-License-Identifier: Apache-2.0
"""Settings of the auth room: ``auth`` (compat.md 1.2, 4)."""

from dataclasses import dataclass
from pathlib import Path

ALGORITHMS = (
    "EdDSA", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512",
    "ES256", "ES384", "ES512", "PS256", "PS384", "PS512",
)  # fmt: skip
"""Signatures of tokens that distribution 3 accepts where ``signingalgorithms`` is silent."""

TOKEN_PATH = "/auth/token"  # noqa: S105 - a path
"""Where our token service answers; ``autoredirectpath``'s default, too."""

TOKEN_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class SillySettings:
    """``auth.silly``: whatever credentials there are, they are good. For tests."""

    realm: str
    service: str


@dataclass(frozen=True, slots=True)
class HtpasswdSettings:
    """``auth.htpasswd``."""

    realm: str
    path: Path


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """``auth.token``: tokens of an issuer elsewhere. At least one of ``rootcertbundle`` and ``jwks`` is there."""

    realm: str
    service: str
    issuer: str
    rootcertbundle: Path | None = None
    jwks: Path | None = None
    signingalgorithms: tuple[str, ...] = ALGORITHMS
    autoredirect: bool = False
    autoredirectpath: str = TOKEN_PATH


@dataclass(frozen=True, slots=True)
class AccountsSettings:
    """``auth.accounts``: users, roles, rules and the token service of our own.

    ``realm``: the token service's address where ``auth.token`` beside it names one; None: the host that the client
    asked, with :data:`TOKEN_PATH`. ``key`` and ``cert``: PEM files that tokens are signed with, else a pair is made and
    kept. ``expiration``: seconds that a token holds. ``proxyheader``: the header in which a trusted proxy says who was
    signed in; "" for none.
    """

    service: str = "entrepot"
    issuer: str = "entrepot"
    realm: str | None = None
    key: Path | None = None
    cert: Path | None = None
    expiration: float = TOKEN_SECONDS
    proxyheader: str = ""


AuthSettings = SillySettings | HtpasswdSettings | TokenSettings | AccountsSettings | None
"""None: everybody may do everything."""
