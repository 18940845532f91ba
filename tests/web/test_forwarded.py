# SPDX-License-Identifier: Apache-2.0
"""What is believed of what proxies say: from whom, in which form, and what nobody can forge."""

from __future__ import annotations

from typing import Any

import pytest

from entrepot.web.forwarded import REMEMBERED, Forwarding, Seen, read_said
from entrepot.web.hosts import parse_host, parse_node

PROXIES = ("192.0.2.0/28", "2001:db8:1::/64")
PROXY = "192.0.2.1"
STRANGER = "198.51.100.7"
CLIENT = "203.0.113.9"
INNER = "inner:5000"

Headers = dict[str, str] | list[tuple[str, str]]


def see(headers: Headers, *, peer: str = PROXY, proxies: tuple[str, ...] | None = PROXIES, host: str = INNER) -> Seen:
    """A request of these headers."""
    pairs = [("host", host), *(headers.items() if isinstance(headers, dict) else headers)]
    scope = {
        "scheme": "http",
        "http_version": "1.1",
        "client": (peer, "40000"),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
    }
    return Forwarding(proxies).believe(read_said(scope))


ALL = {"x-forwarded-proto": "https", "x-forwarded-host": "cr.example.com", "x-forwarded-for": CLIENT} | {
    "x-forwarded-prefix": "/registry",
    "x-real-ip": CLIENT,
}
STANDARD = {"forwarded": f'for="{CLIENT}:1234";proto=https;host=cr.example.com'}


@pytest.mark.parametrize("peer", [PROXY, "2001:db8:1::5", "::ffff:192.0.2.1", ""])
def test_a_trusted_proxy(peer: str) -> None:
    """All it says counts, and it may say who signed in; whoever may open our socket file is a proxy, too."""
    assert see(ALL, peer=peer) == Seen(CLIENT, 0, "https", "cr.example.com", "/registry", trusted=True)
    assert see(STANDARD, peer=peer) == Seen(CLIENT, 0, "https", "cr.example.com", "", trusted=True)


@pytest.mark.parametrize("peer", [STRANGER, "127.0.0.1", "10.0.0.1", "::1", "192.0.2.16", "2001:db8:2::1", "odd"])
def test_a_stranger(peer: str) -> None:
    """With trusted proxies nobody else is believed, not even on this machine."""
    for headers in (ALL, STANDARD, {}):
        seen = see(headers, peer=peer)
        assert (seen.scheme, seen.host, seen.prefix, seen.trusted) == ("http", INNER, "", False)
        assert seen.address == ("" if peer == "odd" else peer)
        assert seen.port == 40000


@pytest.mark.parametrize(
    "peer",
    [
        *("127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "::1", "fd00::1"),
        *("fe80::1", "fe80::1%eth0", "::ffff:10.0.0.1", ""),
    ],
)
def test_silent_and_near(peer: str) -> None:
    """Without http.trustedproxies scheme and host are taken from loopback and private addresses, and nothing else."""
    for headers in (ALL, STANDARD):
        seen = see(headers, peer=peer, proxies=None)
        assert (seen.scheme, seen.host, seen.prefix, seen.trusted) == ("https", "cr.example.com", "", False)
        assert seen.address == peer.removeprefix("::ffff:").partition("%")[0]


@pytest.mark.parametrize("peer", [STRANGER, "172.32.0.1", "172.15.0.1", "192.169.0.1", "11.0.0.1", "2001:db8::1"])
def test_silent_and_far(peer: str) -> None:
    """... and not from public ones."""
    for headers in (ALL, STANDARD):
        assert see(headers, peer=peer, proxies=None) == Seen(peer, 40000, "http", INNER, "", trusted=False)


def test_nobody_is_trusted() -> None:
    """An empty list trusts nobody."""
    assert see(ALL, peer="127.0.0.1", proxies=()) == Seen("127.0.0.1", 40000, "http", INNER, "", trusted=False)


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"x-forwarded-for": CLIENT}, CLIENT),
        ({"x-forwarded-for": f"{CLIENT}:4711"}, CLIENT),
        ({"x-forwarded-for": f"8.8.8.8, {CLIENT}"}, CLIENT),
        ({"x-forwarded-for": f"8.8.8.8, {CLIENT}, 192.0.2.3"}, CLIENT),
        ({"x-forwarded-for": f"8.8.8.8,{CLIENT} ,192.0.2.3:1,  192.0.2.4"}, CLIENT),
        ({"x-forwarded-for": "192.0.2.5, 192.0.2.4"}, "192.0.2.5"),
        ([("x-forwarded-for", "8.8.8.8"), ("x-forwarded-for", CLIENT)], CLIENT),
        ({"x-forwarded-for": "2001:db8::9"}, "2001:db8::9"),
        ({"x-forwarded-for": "[2001:DB8:0::9]:443"}, "2001:db8::9"),
        ({"x-forwarded-for": f"::ffff:{CLIENT}"}, CLIENT),
        ({"x-forwarded-for": "8.8.8.8, unknown, 192.0.2.4"}, "192.0.2.4"),
        ({"x-forwarded-for": "8.8.8.8, "}, PROXY),
        ({"x-forwarded-for": ""}, PROXY),
        ({"x-forwarded-for": "bob"}, PROXY),
        ({"x-forwarded-for": "8.8.8.8 9.9.9.9"}, PROXY),
        ({"x-forwarded-for": "1.2.3"}, PROXY),
        ({"x-forwarded-for": "fe80::1%eth0"}, PROXY),
        ({"x-forwarded-for": "8.8.8.8," * 100_000 + CLIENT}, CLIENT),
        ({"x-real-ip": CLIENT}, CLIENT),
        ({"x-real-ip": CLIENT, "x-forwarded-for": f"8.8.8.8, {CLIENT}"}, CLIENT),
        ({"x-real-ip": "192.0.2.4", "x-forwarded-for": f"{CLIENT}, 192.0.2.4"}, CLIENT),
        ({"x-real-ip": "8.8.8.8", "x-forwarded-for": CLIENT}, ""),
        ({"forwarded": "for=8.8.8.8", "x-forwarded-for": CLIENT}, ""),
        ({"forwarded": f"for={CLIENT}", "x-forwarded-for": CLIENT}, CLIENT),
        ({"x-real-ip": f"8.8.8.8, {CLIENT}"}, PROXY),
        ({"forwarded": f"for=8.8.8.8, for={CLIENT}"}, CLIENT),
        ({"forwarded": f"for=8.8.8.8, for={CLIENT}, for=192.0.2.2;by=x"}, CLIENT),
        ({"forwarded": 'for="[2001:db8::9]:4711"'}, "2001:db8::9"),
        ({"forwarded": "for=_hidden"}, PROXY),
        ({"forwarded": "proto=https"}, PROXY),
        ({"forwarded": "for=8.8.8.8;;;", "x-forwarded-for": CLIENT}, CLIENT),
    ],
)
def test_the_client(headers: Headers, address: str) -> None:
    """The right-most address that is none of our proxies: what stands left of it a client can have written itself.
    Where two headers tell of two clients, the client can have written one of them: then nobody is believed.
    """
    seen = see(headers)
    assert seen.address == address
    assert seen.remote == (f"{PROXY}:40000" if address == PROXY else address or CLIENT)


@pytest.mark.parametrize(
    ("headers", "likely"),
    [
        ({"x-real-ip": "8.8.8.8", "x-forwarded-for": f"9.9.9.9, {CLIENT}, 192.0.2.3"}, CLIENT),
        ({"forwarded": "for=8.8.8.8", "x-forwarded-for": f"9.9.9.9 , {CLIENT} "}, CLIENT),
        ({"forwarded": "for=8.8.8.8", "x-real-ip": CLIENT}, PROXY),
        ({"forwarded": "for=8.8.8.8", "x-real-ip": CLIENT, "x-forwarded-for": "bob"}, PROXY),
    ],
)
def test_who_contradicts_their_proxy(headers: Headers, likely: str) -> None:
    """No rule holds for them, and they cannot hide: logs name who X-Forwarded-For says, or the proxy."""
    seen = see(headers)
    assert (seen.address, seen.likely, seen.source, seen.remote) == ("", likely, likely, likely)
    clear = see({"x-forwarded-for": CLIENT})
    assert (clear.address, clear.likely, clear.source) == (CLIENT, "", CLIENT)


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({"x-forwarded-proto": "https"}, f"https://{INNER}"),
        ({"x-forwarded-proto": "HTTPS"}, f"https://{INNER}"),
        ({"x-forwarded-host": "a.example"}, "http://a.example"),
        ({"x-forwarded-host": "a.example:8443, b"}, "http://a.example:8443"),
        ({"x-forwarded-proto": "https", "x-forwarded-host": "[2001:db8::1]:5000"}, "https://[2001:db8::1]:5000"),
        ({"forwarded": 'for=1; proto=https;host="a:1", host=b'}, "https://a:1"),
        ({"forwarded": "Host=a:1;PROTO=HTTPS"}, "https://a:1"),
        ({"forwarded": r'host="a\:1"'}, "http://a:1"),
        ({"forwarded": "proto=https", "x-forwarded-host": "a"}, f"https://{INNER}"),
        ({"forwarded": "garbage", "x-forwarded-host": "a", "x-forwarded-proto": "https"}, f"http://{INNER}"),
        ({"forwarded": "", "x-forwarded-host": "a"}, f"http://{INNER}"),
        ({"forwarded": "proto=https;proto=http"}, f"http://{INNER}"),
        ({"forwarded": 'proto="https'}, f"http://{INNER}"),
        ({"forwarded": "proto=https" + ";a=b" * 10_000}, f"http://{INNER}"),
    ],
)
def test_scheme_and_host(headers: Headers, origin: str) -> None:
    """Forwarded first, whose mere presence switches the older headers off; of lists the first."""
    assert see(headers).origin == origin


@pytest.mark.parametrize(
    "scheme", ["https,http", "https, https", "ftp", "javascript", "https://evil", "https\x00", "ht tps", "", "h\u00e9"]
)
def test_bad_schemes(scheme: str) -> None:
    """What is no scheme of ours is as if not said."""
    assert see({"x-forwarded-proto": scheme}).scheme == "http"
    assert see({"forwarded": f'proto="{scheme}"'}).scheme == "http"
    assert see({"x-forwarded-proto": "https"}).scheme == "https"


BAD_HOSTS = [
    *("", " ", "a b", "a/b", "/", "a?b", "a#b", "user@a", "user:password@a", "a:", "a:0", "a:65536", "a:x", "a:1:2"),
    *("a:+1", "a:1 ", "a..b", ".a", "-a", "a\x00b", "a\r\nb", "a\tb", "a%41", "h\xe4st", "<script>", '"a"', "a,b;c"),
    *("[::1", "::1", "[::1]x", "[::1]:x", "[1.2.3.4]", "[fe80::1%25eth0]", "[]", "a" * 300, "a\\b", "a\u0661:1"),
]


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_bad_hosts(host: str) -> None:
    """Nothing is built from what is no host."""
    assert parse_host(host) is None
    if host.isprintable() and host.isascii() and not {",", "\\"} & set(host):
        stripped = parse_host(host.strip())
        assert see({"x-forwarded-host": host}).host == (stripped or INNER)
        assert see({"forwarded": f'host="{host}"'}).host == INNER


@pytest.mark.parametrize(
    "host",
    ["a", "a:1", "A.Example.com", "a_b", "1.2.3.4:65535", "[::1]", "[2001:db8::1]:5000", "a-b.c.", "localhost:5000"],
)
def test_good_hosts(host: str) -> None:
    """Names, also without dots and with underscores as docker allows them, addresses, ports."""
    assert parse_host(host) == host
    assert see({"x-forwarded-host": host}).host == see({}, host=host).host == host


@pytest.mark.parametrize("host", [bad for bad in BAD_HOSTS if bad.isascii()])
def test_a_bad_host_header(host: str) -> None:
    """A request whose Host is none is a fault, and the host is nothing."""
    seen = see({}, host=host)
    assert seen.fault
    assert seen.host == ""
    assert not see({}, host="a").fault


def test_several_hosts() -> None:
    """One Host header, as HTTP asks, even where two agree."""
    assert see([("host", INNER)]).fault
    assert not see([]).fault


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("/registry", "/registry"),
        ("/registry/", "/registry"),
        (" /a/b-c_d.e~f ", "/a/b-c_d.e~f"),
        ("/", ""),
        ("", ""),
        ("registry", ""),
        ("//evil.example.com", ""),
        ("/a//b", ""),
        ("/a/../b", ""),
        ("/./a", ""),
        ("/a b", ""),
        ("/a?b", ""),
        ("/a%2e", ""),
        ("/a, /b", ""),
        ("https://evil", ""),
        ("/a\\b", ""),
        ("/a" * 30, ""),
        ("/a" * 10_000, ""),
    ],
)
def test_prefixes(text: str, prefix: str) -> None:
    """A path of plain parts; what could lead elsewhere is as if not said."""
    assert see({"x-forwarded-prefix": text}).prefix == prefix
    assert see({"x-forwarded-prefix": text, "forwarded": "proto=https"}).prefix == prefix


@pytest.mark.parametrize(
    ("text", "address"),
    [("1.2.3.4", "1.2.3.4"), ("1.2.3.4:5", "1.2.3.4"), ("[::1]", "::1"), ("[::1]:5", "::1"), ("::1", "::1")]
    + [("::ffff:1.2.3.4", "1.2.3.4"), ("[::ffff:1.2.3.4]:1", "1.2.3.4")]
    + [
        (bad, "None")
        for bad in ("", "a", "1.2.3.4:", "1.2.3.4:x", "[::1", "[::1]5", "01.2.3.4", "1.2.3.4/8", "1", "::1%1")
    ],
)
def test_addresses_of_clients(text: str, address: str) -> None:
    """With and without port and brackets; IPv4 inside IPv6 is IPv4."""
    assert str(parse_node(text)) == address


def test_memory_is_bounded() -> None:
    """However many addresses and hosts come, only some are remembered, and all are judged the same."""
    forwarding = Forwarding(PROXIES)
    for number in range(2 * REMEMBERED + 10):
        scope: dict[str, Any] = {
            "client": (f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "1"),
            "headers": [(b"host", f"h{number}".encode())],
        }
        assert not forwarding.believe(read_said(scope)).trusted
        scope["client"] = (PROXY, "1")
        scope["headers"].append((b"x-forwarded-for", f"8.8.{number >> 8 & 255}.{number & 255}".encode()))
        assert forwarding.believe(read_said(scope)).address == f"8.8.{number >> 8 & 255}.{number & 255}"
    for memory in (forwarding._peers, forwarding._hosts, forwarding._seen):
        assert 0 < len(memory) <= REMEMBERED
