# SPDX-License-Identifier: Apache-2.0
"""What the gate is told of a request: whom a proxy has signed in, and as what the client sees this registry."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from entrepot.auth.gate import Admission, Approach, OpenGate
from entrepot.oci.access import PULL, Access, to_repository
from entrepot.oci.names import RepositoryName
from entrepot.web.doors import Doors
from entrepot.web.settings import HttpSettings, TcpAddress

NEED = to_repository(RepositoryName("a/b"), PULL)
PROXY = "192.0.2.1"


class Watching(OpenGate):
    """Remembers how requests come."""

    def __init__(self) -> None:
        super().__init__()
        self.approach = Approach(None, "", "")

    def recall(self, approach: Approach, need: Access) -> Admission | None:
        self.approach = approach
        return super().recall(approach, need)


def approach(
    headers: Sequence[tuple[str, str]], *, peer: str = PROXY, host: str | None = None, trusted: str = PROXY
) -> Approach:
    """Of a request with these headers; the proxy's header is X-Remote-User."""
    gate = Watching()
    settings = HttpSettings(TcpAddress("", 0), prefix="/cr/", host=host, trustedproxies=(trusted,))
    doors = Doors(gate, settings, "X-Remote-User")
    pairs = [(name.encode(), value.encode()) for name, value in (("host", "inner:5000"), *headers)]
    scope = {"client": (peer, "1"), "headers": pairs, "scheme": "http", "http_version": "1.1"}
    doors.recall(scope, doors.look(scope), NEED)
    return gate.approach


def test_who_contradicts_their_proxy() -> None:
    """Rules are not asked for an address that is only likely; the audit and the slowing of guesses use it."""
    found = approach([("x-real-ip", "8.8.8.8"), ("x-forwarded-for", "203.0.113.9")])
    assert (found.address, found.source) == ("", "203.0.113.9")
    clear = approach([("x-forwarded-for", "203.0.113.9")])
    assert (clear.address, clear.source) == ("203.0.113.9", "203.0.113.9")


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ([("x-remote-user", "alice")], "alice"),
        ([("x-remote-user", " alice ")], "alice"),
        ([("x-remote-user", "zoë")], "zoë"),
        ([("x-remote-user", "")], ""),
        ([("x-remote-user", "alice"), ("x-remote-user", "admin")], ""),
        ([("x-remote-user", "alice"), ("x-remote-user", "alice")], ""),
        ([("x-remote-user", "al\tice")], ""),
        ([("x-remote_user", "alice")], ""),
        ([], ""),
    ],
)
def test_who_has_signed_in(headers: Sequence[tuple[str, str]], name: str) -> None:
    """Whom the trusted proxy names, once, in UTF-8; from anybody else the header says nothing."""
    assert approach(headers).signed_in == name
    assert approach(headers, peer="192.0.2.2").signed_in == ""
    assert approach(headers, peer="127.0.0.1").signed_in == ""


def test_where_the_client_is() -> None:
    """Behind what a proxy strips comes ``http.prefix``; ``http.host`` says all of it by itself."""
    said = [("x-forwarded-proto", "https"), ("x-forwarded-host", "cr.example.com"), ("x-forwarded-prefix", "/registry")]
    found = approach(said)
    assert (found.origin, found.base, found.address) == ("https://cr.example.com", "/registry/cr", PROXY)
    found = approach(said, trusted="192.0.2.9")
    assert (found.origin, found.base) == ("http://inner:5000", "/cr")
    found = approach(said, host="https://fixed.example.com/base/")
    assert (found.origin, found.base) == ("https://fixed.example.com", "/base")


def test_credentials() -> None:
    """As they were sent; twice is as none that fit."""
    assert approach([("authorization", "Basic x")]).authorization == "Basic x"
    assert approach([("authorization", "Basic x"), ("authorization", "Basic y")]).authorization == ""
    assert approach([]).authorization is None
