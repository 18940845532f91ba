# SPDX-License-Identifier: Apache-2.0
"""What a start warns of where a proxy is in front: who is trusted, and names that lead nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from config.conftest import Start

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
