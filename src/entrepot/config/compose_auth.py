# SPDX-License-Identifier: Apache-2.0
"""``auth`` to settings: which kind the configuration names, and what each needs (compat.md 1.2, 4)."""

from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TypeVar

from entrepot.auth.settings import (
    ALGORITHMS,
    TOKEN_PATH,
    AccountsSettings,
    AuthSettings,
    HtpasswdSettings,
    SillySettings,
    TokenSettings,
)
from entrepot.config.composition import Composition
from entrepot.config.values import header_name

T = TypeVar("T")

NOWHERE = Path("/nonexistent")
"""Stands for a path that is missing, which is said elsewhere."""


def find_auth(composition: Composition, kinds: AbstractSet[str]) -> AuthSettings:
    """``kinds``: what the configuration names below ``auth``, known ones. Of several the others are a mistake, but for
    ``token`` beside ``accounts``: it says how our own token service is called.
    """
    if "accounts" in kinds:
        return _accounts(composition, named="token" in kinds)
    if "proxyheader" in kinds:
        composition.wrong("auth.proxyheader", "auth.accounts beside it: accounts say what the person may do")
    if "token" in kinds:
        return _token(composition)
    if "htpasswd" in kinds:
        realm = _needed(composition, "auth.htpasswd.realm", "a name for it, such as Registry")
        path = _needed(composition, "auth.htpasswd.path", "the path of the file")
        return HtpasswdSettings(realm, Path(path or NOWHERE))
    if "silly" in kinds:
        realm = _needed(composition, "auth.silly.realm", "any text")
        return SillySettings(realm, _needed(composition, "auth.silly.service", "any text"))
    return None


def _token(composition: Composition) -> TokenSettings:
    view = composition.view
    bundle, jwks = view.find("auth.token.rootcertbundle", Path), view.find("auth.token.jwks", Path)
    if bundle is None and jwks is None:
        composition.missing("auth.token.rootcertbundle", "auth.token", "a PEM file of certificates (or jwks: a file)")
    path = view.find("auth.token.autoredirectpath", str) or TOKEN_PATH
    return TokenSettings(
        realm=_needed(composition, "auth.token.realm", "the address of the token service"),
        service=_needed(composition, "auth.token.service", "the name of this registry in tokens"),
        issuer=_needed(composition, "auth.token.issuer", "the name of the token service in tokens"),
        rootcertbundle=bundle,
        jwks=jwks,
        signingalgorithms=_algorithms(composition),
        autoredirect=view.find("auth.token.autoredirect", bool) or False,
        autoredirectpath=path if path.startswith("/") else f"/{path}",
    )


def _algorithms(composition: Composition) -> tuple[str, ...]:
    said: tuple[str, ...] = composition.view.find("auth.token.signingalgorithms", tuple) or ()
    if not set(said) <= set(ALGORITHMS):
        composition.wrong("auth.token.signingalgorithms", f"some of {', '.join(ALGORITHMS)}")
    return said or ALGORITHMS


def _accounts(composition: Composition, *, named: bool) -> AccountsSettings:
    view = composition.view
    key, cert = view.find("auth.accounts.key", Path), view.find("auth.accounts.cert", Path)
    if key is not None and cert is None:
        composition.missing("auth.accounts.cert", "auth.accounts.key", "the certificate of the key (a PEM file)")
    if cert is not None and key is None:
        composition.missing("auth.accounts.key", "auth.accounts.cert", "the key of the certificate (a PEM file)")
    ours = AccountsSettings()
    if not named:
        service = view.find("auth.accounts.service", str) or ours.service
        issuer = view.find("auth.accounts.issuer", str) or ours.issuer
        realm = None
    else:
        service = _needed(composition, "auth.token.service", "the name of this registry in tokens")
        issuer = _needed(composition, "auth.token.issuer", "the name of the token service in tokens")
        autoredirect = view.find("auth.token.autoredirect", bool) or False
        realm = None if autoredirect else _needed(composition, "auth.token.realm", "this server's token address")
    header = composition.converted("auth.proxyheader", header_name) or ""
    if header and not view.find("http.trustedproxies", tuple):
        composition.missing(
            "http.trustedproxies", "auth.proxyheader", "the addresses of the proxies that may say who signed in"
        )
    expiration = view.get("auth.accounts.expiration", float)
    return AccountsSettings(service, issuer, realm, key, cert, expiration, header)


def _needed(composition: Composition, key: str, allowed: str) -> str:
    said = composition.view.said(key)
    if said is None or not said.value:
        composition.missing(key, key.rpartition(".")[0], allowed)
        return ""
    return str(said.value)
