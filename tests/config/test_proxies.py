# SPDX-License-Identifier: Apache-2.0
"""What a start warns of where a proxy is in front: who is trusted, and names that lead nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from config.conftest import Start, Stop

HEAD = "version: 0.1\nstorage: inmemory\n"


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0"])
def test_everybody_is_trusted(start: Start, network: str) -> None:
    """A warning says what that means; networks beside it are taken as they are."""
    loaded = start(f"{HEAD}http: {{trustedproxies: [10.0.0.0/8, '{network}']}}\n")
    (warning,) = loaded.warnings
    assert f"http.trustedproxies: {network} is everybody" in warning
    assert loaded.settings.http.trustedproxies == ("10.0.0.0/8", network)
    assert start(f"{HEAD}http: {{trustedproxies: [10.0.0.0/8]}}\n").warnings == ()


@pytest.mark.parametrize("host", ["http://localhost:5000", "https://127.0.0.1", "https://[::1]:5000"])
def test_a_host_that_only_this_machine_reaches(start: Start, host: str) -> None:
    """Warned of where others are served, and not where only this machine is."""
    (warning,) = start(f"{HEAD}http: {{addr: ':5000', host: '{host}'}}\n").warnings
    assert "http.host" in warning
    assert "this machine itself" in warning
    assert start(f"{HEAD}http: {{addr: '127.0.0.1:5000', host: '{host}'}}\n").warnings == ()
    assert start(f"{HEAD}http: {{addr: ':5000', host: 'https://cr.example.com'}}\n").warnings == ()


def test_a_realm_that_only_this_machine_reaches(start: Start) -> None:
    """The token service's address, likewise."""
    token = "realm: 'http://localhost:5000/auth/token', service: s, issuer: i, jwks: /k.json"
    loaded = start(f"{HEAD}http: {{addr: ':5000'}}\nauth: {{token: {{{token}}}}}\n")
    assert any("auth.token.realm" in warning and "this machine itself" in warning for warning in loaded.warnings)


@pytest.mark.parametrize("host", ["", "https://cr.example.com"])
def test_a_realm_elsewhere_beside_accounts(start: Start, host: str) -> None:
    """Tokens of others are not taken: a host that nothing says is ours is warned of, and http.host says so."""
    realm = "realm: 'https://hub.example.com/api/auth', service: s, issuer: i"
    auth = f"auth: {{accounts: {{}}, token: {{{realm}}}}}\n"
    (warning,) = start(f"{HEAD}http: {{host: '{host}'}}\n{auth}").warnings
    assert "auth.token.realm: clients are sent to hub.example.com for tokens" in warning
    assert "own address with /auth/token" in warning
    assert start(f"{HEAD}http: {{host: 'https://hub.example.com:8443'}}\n{auth}").warnings == ()
    redirected = f"auth: {{accounts: {{}}, token: {{{realm}, autoredirect: true}}}}\n"
    assert start(f"{HEAD}{redirected}").warnings == ()


@pytest.mark.parametrize(
    "header", ["Authorization", "host", "Cookie", "forwarded", "X-Forwarded-For", "x-forwarded-host", "X-Real-IP"]
)
def test_a_header_that_says_something_else(start: Start, stop: Stop, header: str) -> None:
    """What clients send themselves, or what tells of a connection, names nobody: a header for this alone does."""
    text = f"{HEAD}http: {{trustedproxies: [10.0.0.5]}}\nauth: {{accounts: {{}}, proxyheader: HEADER}}\n"
    (mistake,) = stop(text.replace("HEADER", header))
    assert mistake.key == "auth.proxyheader"
    assert "X-Remote-User" in mistake.allowed
    assert start(text.replace("HEADER", "X-Remote-User")).warnings == ()


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "10.0.0.5/0"])
def test_everybody_signs_everybody_in(start: Start, stop: Stop, network: str) -> None:
    """With a header that names people, trust in everybody stops the start; without one it is warned of."""
    text = f"{HEAD}http: {{trustedproxies: [127.0.0.1, '{network}']}}\nauth: {{accounts: {{}}HEADER}}\n"
    (mistake,) = stop(text.replace("HEADER", ", proxyheader: X-Remote-User"))
    assert mistake.key == "http.trustedproxies"
    assert "could claim to be anybody" in mistake.allowed
    assert len(start(text.replace("HEADER", "")).warnings) == 1


def test_an_address_that_is_none(stop: Stop) -> None:
    """A realm that cannot be taken apart is a mistake like any other."""
    token = "realm: 'http://[::1', service: s, issuer: i, jwks: /k.json"
    (mistake,) = stop(f"{HEAD}http: {{addr: ':5000'}}\nauth: {{token: {{{token}}}}}\n")
    assert mistake.key == "auth.token.realm"
