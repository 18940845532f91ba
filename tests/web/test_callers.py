# SPDX-License-Identifier: Apache-2.0
"""Who asks, as a request tells: the connection, and what proxies in front say (compat.md 3.9, 5.2)."""

from collections.abc import Mapping

import pytest

from entrepot.oci.callers import Caller
from entrepot.web.callers import LONGEST, find_caller

CLIENT = ("::ffff:192.0.2.1", 40000)


def caller(headers: Mapping[str, str], client: tuple[str, int] | None = CLIENT) -> Caller:
    """Of a request with these headers."""
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return find_caller({"method": "GET", "scheme": "http", "client": client, "headers": encoded}, "r-1")


def test_without_a_proxy() -> None:
    """Address and port of the connection, host and agent as sent."""
    assert caller({"host": "r.example.com:5000", "user-agent": "docker/20"}) == Caller(
        request_id="r-1",
        address="192.0.2.1",
        host="r.example.com:5000",
        method="GET",
        user_agent="docker/20",
        remote="192.0.2.1:40000",
        origin="http://r.example.com:5000",
    )
    assert caller({}, ("2001:db8::1", 1)).remote == "[2001:db8::1]:1"
    assert caller({}, None).remote == ""


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"x-forwarded-proto": "https"}, "https://inner"),
        ({"x-forwarded-proto": "https", "x-forwarded-host": "a, b"}, "https://a"),
        ({"forwarded": 'for=1; proto=https;host="a:1", host=b'}, "https://a:1"),
        ({"forwarded": "garbage", "x-forwarded-host": "a"}, "http://inner"),
    ],
)
def test_the_origin_behind_a_proxy(headers: dict[str, str], origin: str) -> None:
    """Forwarded first, whose mere presence switches the older ones off."""
    assert caller({"host": "inner", **headers}).origin == origin


@pytest.mark.parametrize(
    ("headers", "remote"),
    [
        ({"x-forwarded-for": "203.0.113.9, 10.0.0.1", "x-real-ip": "203.0.113.8"}, "203.0.113.9"),
        ({"x-real-ip": "203.0.113.8"}, "203.0.113.8"),
        ({"x-forwarded-for": " "}, "192.0.2.1:40000"),
    ],
)
def test_the_client_behind_a_proxy(headers: dict[str, str], remote: str) -> None:
    """The first that is named. Who is connected stays known beside it."""
    found = caller(headers)
    assert (found.remote, found.address) == (remote, "192.0.2.1")


def test_long_headers() -> None:
    """What clients say of themselves is cut, since it is kept."""
    assert len(caller({"user-agent": "x" * 10_000}).user_agent) == LONGEST
