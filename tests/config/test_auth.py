# SPDX-License-Identifier: Apache-2.0
"""``auth``: each kind arrives as what its gate is made from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from entrepot.auth.settings import ALGORITHMS, AccountsSettings, HtpasswdSettings, SillySettings, TokenSettings
from entrepot.config.load import Loaded

Start = Callable[..., Loaded]

TOKEN = "realm: 'https://r.example.com/auth/token', service: s, issuer: i"


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("None", None),
        ("{silly: {realm: r, service: s}}", SillySettings("r", "s")),
        ("{htpasswd: {realm: r, path: /auth/htpasswd}}", HtpasswdSettings("r", Path("/auth/htpasswd"))),
        (
            f"{{token: {{{TOKEN}, rootcertbundle: /c.pem, autoredirect: true, autoredirectpath: here}}}}",
            TokenSettings(
                "https://r.example.com/auth/token", "s", "i", Path("/c.pem"), None, ALGORITHMS, True, "/here"
            ),
        ),
        (
            f"{{token: {{{TOKEN}, jwks: /k.json, signingalgorithms: [ES256]}}}}",
            TokenSettings("https://r.example.com/auth/token", "s", "i", None, Path("/k.json"), ("ES256",)),
        ),
        ("{accounts: {}}", AccountsSettings()),
        ("{accounts: }", AccountsSettings()),
        ("accounts", AccountsSettings()),
        (
            "{accounts: {service: s, issuer: i, key: /k, cert: /c, expiration: 10m}}",
            AccountsSettings("s", "i", None, Path("/k"), Path("/c"), 600.0),
        ),
        (f"{{accounts: {{}}, token: {{{TOKEN}}}}}", AccountsSettings("s", "i", "https://r.example.com/auth/token")),
        (f"{{accounts: {{}}, token: {{{TOKEN}, autoredirect: true}}}}", AccountsSettings("s", "i")),
    ],
)
def test_each_kind(start: Start, section: str, expected: object) -> None:
    """What the file says, with what it leaves out filled in."""
    assert start(f"version: 0.1\nstorage: inmemory\nauth: {section}\n").settings.auth == expected


def test_a_proxy_signs_in(start: Start) -> None:
    """The header counts from proxies that are named; one address is a network of one."""
    text = "version: 0.1\nstorage: inmemory\nauth: {accounts: {}, proxyheader: x-remote-user}\n"
    settings = start(f"{text}http: {{trustedproxies: [10.0.0.5, 'fd00::/8']}}\n").settings
    assert settings.auth == AccountsSettings(proxyheader="X-Remote-User")
    assert settings.http.trustedproxies == ("10.0.0.5/32", "fd00::/8")


def test_from_the_environment(start: Start) -> None:
    """As the images of registry:2 are given it."""
    variables = {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "Registry Realm",
        "REGISTRY_AUTH_HTPASSWD_PATH": "/auth/htpasswd",
    }
    settings = start("version: 0.1\nstorage: inmemory\n", variables).settings
    assert settings.auth == HtpasswdSettings("Registry Realm", Path("/auth/htpasswd"))
