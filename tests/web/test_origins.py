# SPDX-License-Identifier: Apache-2.0
"""Whose pages may have a browser change something."""

from collections.abc import Iterable, Mapping

import pytest
from starlette.types import Message

from entrepot.auth.gate import Admission
from entrepot.oci.errors import Foreign
from entrepot.web.exchange import Exchange
from entrepot.web.forwarded import Forwarding, read_said
from entrepot.web.origins import Origins, find_allowed


def ask(headers: Mapping[str, str], allowed: Iterable[str] = (), method: str = "DELETE", actor: str = "") -> None:
    """A request with these headers to registry.example.com:5000, judged; ``base`` among them is ``http.host``."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Message) -> None:
        raise AssertionError("nothing is answered")

    given = {"host": "registry.example.com:5000", **{name.replace("_", "-"): text for name, text in headers.items()}}
    base = given.pop("base", None)
    pairs = [(name.encode(), text.encode()) for name, text in given.items()]
    scope = {"type": "http", "method": method, "path": "/", "headers": pairs, "query_string": b""}
    scope |= {"scheme": "http", "http_version": "1.1", "client": ("127.0.0.1", 40000)}
    seen = Forwarding(None).believe(read_said(scope))
    exchange = Exchange(scope, receive, send, seen)
    exchange.admission = Admission(actor)
    Origins(base, frozenset(allowed)).require_own(exchange)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": "http://registry.example.com:5000"},
        {"origin": "https://registry.example.com:5000"},
        {"origin": "https://Registry.Example.com:5000"},
        {"origin": "https://registry.example.com", "host": "registry.example.com"},
        {"origin": "https://registry.example.com", "host": "registry.example.com:443"},
        {"origin": "https://cr.example.com", "x_forwarded_host": "cr.example.com", "x_forwarded_proto": "https"},
        {"origin": "https://cr.example.com", "base": "https://cr.example.com/"},
    ],
)
def test_own(headers: dict[str, str]) -> None:
    """Programs, and pages of the registry itself, by whatever name it is reached."""
    ask(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": ""},
        {"sec_fetch_site": "cross-site", "origin": "http://registry.example.com:5000"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://registry.example.com"},
        {"origin": "http://registry.example.com:5001"},
        {"origin": "http://evil.example.com:5000"},
        {"origin": "http://registry.example.com:5000@evil.example.com"},
        {"origin": "http://[::1"},
        {"origin": "http://registry.example.com:x"},
    ],
)
def test_foreign(headers: dict[str, str]) -> None:
    """Pages of other sites, hosts and ports, sandboxed ones, and what is no origin."""
    with pytest.raises(Foreign):
        ask(headers)


UI = "https://ui.example.com"


@pytest.mark.parametrize(
    ("allowed", "method", "actor", "passes"),
    [
        (UI, "POST", "ann", True),
        (UI, "DELETE", "ann", True),
        ("https://other.example.com", "DELETE", "", False),
        ("*", "DELETE", "ann", True),
        ("*", "POST", "", True),
        ("*", "POST", "ann", False),
    ],
)
def test_a_web_ui_elsewhere(allowed: str, method: str, actor: str, *, passes: bool) -> None:
    """What http.headers allow passes; ``*`` allows no credentials, which browsers send with a POST unasked."""
    given = find_allowed({"X-Other": ("*",), "access-control-allow-origin": (allowed,)})
    headers = {"origin": UI, "sec_fetch_site": "cross-site"}
    if passes:
        ask(headers, given, method, actor)
    with pytest.raises(Foreign):
        ask(headers, () if passes else given, method, actor)
