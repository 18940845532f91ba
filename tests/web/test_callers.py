# SPDX-License-Identifier: Apache-2.0
"""Who asks, as history and events tell it (compat.md 5.2)."""

from collections.abc import Mapping

from entrepot.oci.callers import Caller
from entrepot.web.callers import LONGEST, find_caller
from entrepot.web.forwarded import Seen

SEEN = Seen("203.0.113.9", 0, "https", "cr.example.com", "/registry", trusted=True)


def caller(headers: Mapping[str, str], seen: Seen = SEEN) -> Caller:
    """Of a request with these headers."""
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return find_caller({"method": "GET", "headers": encoded}, seen, "r-1")


def test_what_is_told() -> None:
    """What is believed of the client, and Host and agent as sent; whatever proxies say besides is not looked at."""
    headers = {"host": "r.example.com:5000", "user-agent": "docker/20", "x-forwarded-for": "198.51.100.1"}
    assert caller(headers) == Caller(
        request_id="r-1",
        address="203.0.113.9",
        host="r.example.com:5000",
        method="GET",
        user_agent="docker/20",
        remote="203.0.113.9",
        origin="https://cr.example.com/registry",
    )


def test_ports() -> None:
    """The port stands behind the address of who is connected."""
    assert caller({}, Seen("192.0.2.1", 40000, "http", "r", "", trusted=False)).remote == "192.0.2.1:40000"
    assert caller({}, Seen("2001:db8::1", 1, "http", "r", "", trusted=False)).remote == "[2001:db8::1]:1"
    assert caller({}, Seen("", 0, "http", "r", "", trusted=False)).remote == ""


def test_long_headers() -> None:
    """What clients say of themselves is cut, since it is kept."""
    assert len(caller({"user-agent": "x" * 10_000}).user_agent) == LONGEST
