# SPDX-License-Identifier: Apache-2.0
"""``auth`` to settings: which kind the configuration names, and what each needs (compat.md 1.2, 4)."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from entrepot.auth.settings import (
    ALGORITHMS,
    TOKEN_PATH,
    AccountsSettings,
    AuthSettings,
    HtpasswdSettings,
    SillySettings,
    TokenSettings,
)
from entrepot.config.compose_events import find_loopback
from entrepot.config.composition import Composition
from entrepot.config.nodes import Origin
from entrepot.config.values import http_url, proxy_header

NOWHERE = Path("/nonexistent")
"""Stands for a path that is missing, which is said elsewhere."""

Kinds = Mapping[str, Origin]
"""What the configuration names below ``auth``, and where."""


def find_auth(composition: Composition, kinds: Kinds, host: str | None) -> AuthSettings:
    """Of several known kinds the others are a mistake, which is said elsewhere, but for ``token`` beside ``accounts``:
    it says how our own token service is called. ``host``: ``http.host``.
    """
    if "proxyheader" in kinds and "accounts" not in kinds:
        composition.missing_at(
            kinds["proxyheader"], "auth.accounts", "accounts: {} beside auth.proxyheader: they say what a person may do"
        )
    if "accounts" in kinds:
        return _Section(composition, kinds).accounts(host)
    if "token" in kinds:
        return _Section(composition, kinds).token()
    if "htpasswd" in kinds:
        return _Section(composition, kinds).htpasswd()
    if "silly" in kinds:
        return _Section(composition, kinds).silly()
    return None


class _Section:
    """``auth``, as it is composed."""

    def __init__(self, composition: Composition, kinds: Kinds) -> None:
        self._composition = composition
        self._view = composition.view
        self._kinds = kinds

    def silly(self) -> SillySettings:
        return SillySettings(self._needed("silly.realm", "any text"), self._needed("silly.service", "any text"))

    def htpasswd(self) -> HtpasswdSettings:
        realm = self._needed("htpasswd.realm", "a name that people see when they are asked, such as Registry")
        return HtpasswdSettings(realm, Path(self._needed("htpasswd.path", "the path of the file") or NOWHERE))

    def token(self) -> TokenSettings:
        bundle, jwks = self._view.find("auth.token.rootcertbundle", Path), self._view.find("auth.token.jwks", Path)
        if bundle is None and jwks is None:
            self._missing("token.rootcertbundle", "a PEM file of certificates (or jwks: a file of keys)")
        path = self._view.find("auth.token.autoredirectpath", str) or TOKEN_PATH
        return TokenSettings(
            realm=self._realm("the address of the token service, such as https://auth.example.com/token"),
            service=self._needed("token.service", "the name of this registry in tokens"),
            issuer=self._needed("token.issuer", "the name of the token service in tokens"),
            rootcertbundle=bundle,
            jwks=jwks,
            signingalgorithms=self._algorithms(),
            autoredirect=self._view.find("auth.token.autoredirect", bool) or False,
            autoredirectpath=path if path.startswith("/") else f"/{path}",
        )

    def accounts(self, host: str | None) -> AccountsSettings:
        service, issuer, realm = self._names()
        self._warn_of_elsewhere(realm, host)
        key, cert = self._view.find("auth.accounts.key", Path), self._view.find("auth.accounts.cert", Path)
        if key is not None and cert is None:
            self._missing("accounts.cert", "the certificate of auth.accounts.key (a PEM file)")
        if cert is not None and key is None:
            self._missing("accounts.key", "the key of auth.accounts.cert (a PEM file)")
        return AccountsSettings(
            service=service,
            issuer=issuer,
            realm=realm,
            key=key,
            cert=cert,
            expiration=self._view.get("auth.accounts.expiration", float),
            proxyheader=self._proxyheader(),
        )

    def _names(self) -> tuple[str, str, str | None]:
        """Service, issuer and realm of our own token service."""
        if "token" not in self._kinds:
            ours = AccountsSettings()
            service = self._view.find("auth.accounts.service", str) or ours.service
            return service, self._view.find("auth.accounts.issuer", str) or ours.issuer, None
        service = self._needed("token.service", "the name of this registry in tokens")
        issuer = self._needed("token.issuer", "the name of the token service in tokens")
        if self._view.find("auth.token.autoredirect", bool):
            return service, issuer, None
        return service, issuer, self._realm(f"this server's own address with {TOKEN_PATH} or /api/auth")

    def _realm(self, allowed: str) -> str:
        """Where clients fetch tokens. With ``autoredirect`` nobody is sent there."""
        realm = self._needed("token.realm", allowed)
        if not realm or self._view.find("auth.token.autoredirect", bool):
            return realm
        return self._composition.converted("auth.token.realm", http_url) or ""

    def _warn_of_elsewhere(self, realm: str | None, host: str | None) -> None:
        """Our tokens are to be had from us alone; a copied configuration names who gave them out before."""
        asked = urlsplit(realm or "").hostname
        if asked and asked != urlsplit(host or "").hostname and not find_loopback(realm):
            self._composition.warn(
                "auth.token.realm",
                f"clients are sent to {asked} for tokens, and auth.accounts takes its own alone: it must be this "
                f"server's own address with {TOKEN_PATH}; the same host in http.host says that it is",
            )

    def _proxyheader(self) -> str:
        header = self._composition.converted("auth.proxyheader", proxy_header) or ""
        proxies: tuple[str, ...] = self._view.find("http.trustedproxies", tuple) or ()
        allowed = "the addresses of the proxies that say who signed in, as [10.0.0.5, 192.168.0.0/24]"
        if header and not proxies:
            self._composition.missing("http.trustedproxies", "auth.proxyheader", allowed)
        elif header and any(network.endswith("/0") for network in proxies):
            everybody = "; beside auth.proxyheader anybody who connects could claim to be anybody"
            self._composition.wrong("http.trustedproxies", allowed + everybody)
        return header

    def _algorithms(self) -> tuple[str, ...]:
        said: tuple[str, ...] = self._view.find("auth.token.signingalgorithms", tuple) or ()
        if not set(said) <= set(ALGORITHMS):
            self._composition.wrong("auth.token.signingalgorithms", f"some of {', '.join(ALGORITHMS)}")
        return said or ALGORITHMS

    def _needed(self, key: str, allowed: str) -> str:
        said = self._view.said(f"auth.{key}")
        if said is None or not said.value:
            self._missing(key, allowed)
            return ""
        return str(said.value)

    def _missing(self, key: str, allowed: str) -> None:
        self._composition.missing_at(self._kinds[key.partition(".")[0]], f"auth.{key}", allowed)
