# SPDX-License-Identifier: Apache-2.0
"""What proxies in front say of a request, and what of it is believed (``http.trustedproxies``, compat.md 3.9).

With trusted proxies their headers count, and nobody else's. Where the configuration is silent, scheme and host come
from loopback and private addresses, because registries behind nginx rely on it, and the client's address from nobody:
who may do what can depend on it, and the event that names it has to be true.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar, cast

from starlette.types import Scope

from entrepot.web.hosts import Address, parse_address, parse_host, parse_node, write_address

K = TypeVar("K")
T = TypeVar("T")

PRIVATE = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip
"""From where scheme and host are taken without ``http.trustedproxies``."""

LONGEST = 2000
"""Characters read of one forwarded header; of X-Forwarded-For the last ones, which the nearest proxies wrote."""

HOPS = 30
"""Proxies that one request came through at most, as far as we look."""

REMEMBERED = 4096
"""Addresses, hosts and whole judgements that are not made again, of each at most."""

FORWARDED = b"forwarded"
FOR = b"x-forwarded-for"
HOST = b"x-forwarded-host"
PROTO = b"x-forwarded-proto"
PREFIX = b"x-forwarded-prefix"
REAL_IP = b"x-real-ip"

_NAMES = frozenset({FORWARDED, FOR, HOST, PROTO, PREFIX, REAL_IP})
_PREFIX = re.compile(r"((?:/[A-Za-z0-9._~-]+){1,20})/?", re.ASCII)
_PAIR = re.compile(r'\s*([A-Za-z0-9!#$%&\'*+.^_`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s";,=]+))\s*', re.ASCII)
_SCHEMES = {"http", "https"}
_HOSTLESS = {"1", "1.0"}
"""Versions of HTTP without Host."""


@dataclass(slots=True)
class Said:
    """What a request says of where it comes from, unjudged. ``peer``: the connection's other end, "" on a socket file.
    ``hosts``: how many Host headers there are. ``forwarded``: headers of proxies by their names in lower case.
    """

    peer: str
    port: int
    scheme: str
    host: str
    hosts: int
    version: str
    forwarded: Mapping[bytes, str] | None


@dataclass(slots=True)
class Seen:
    """What is believed of a request. Nobody changes it; it is not frozen, as one is made for each request, and that
    would take three times as long.

    ``address``: of the client, "" where nobody knows. ``port``: of it, 0 where a proxy tells of it. ``scheme``,
    ``host`` and ``prefix``: how the client reaches us; ``prefix`` is what a proxy strips, as in ``/registry``.
    ``trusted``: a trusted proxy is connected, so that it may say who has signed in. ``fault``: why the request is none
    ("" for nothing): its Host (RFC 9112, 3.2). ``likely``: where headers contradict each other, who it may be; no rule
    holds for it.
    """

    address: str
    port: int
    scheme: str
    host: str
    prefix: str
    trusted: bool
    fault: str = ""
    likely: str = ""

    @property
    def source(self) -> str:
        """Whom logs name, and whose failures count together: nobody can hide by contradicting their proxy."""
        return self.address or self.likely

    @property
    def origin(self) -> str:
        """Scheme and host, as in ``https://registry.example.com``."""
        return f"{self.scheme}://{self.host}"

    @property
    def remote(self) -> str:
        """The client's address, with its port where that is known."""
        address = parse_address(self.address) if self.port else None
        return self.source if address is None else write_address(address, self.port)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is connected. ``address``: normalised, "" on a socket file. ``names``: its word on scheme and host counts;
    ``vouches``: on all.
    """

    address: str
    names: bool
    vouches: bool


def read_said(scope: Scope) -> Said:
    """From the connection and the headers."""
    host = ""
    hosts = 0
    forwarded: dict[bytes, str] | None = None
    for name, value in scope["headers"]:
        if name == b"host":
            hosts += 1
            host = cast(bytes, value).decode("latin-1")
        elif name in _NAMES:
            text = cast(bytes, value).decode("latin-1")
            forwarded = {} if forwarded is None else forwarded
            # Lines of one name are one list (RFC 9110, 5.3): a proxy may add its own behind a forged one.
            forwarded[name] = f"{forwarded[name]}, {text}" if name in forwarded else text
    client = scope.get("client") or ("", 0)
    scheme, version = scope.get("scheme", "http"), scope.get("http_version", "1.1")
    return Said(client[0], int(client[1]), scheme, host, hosts, version, forwarded)


class Forwarding:
    """Judges what requests say. Not to be used by several threads."""

    def __init__(self, trustedproxies: Sequence[str] | None) -> None:
        """``trustedproxies``: networks in CIDR form; None where the configuration is silent."""
        self._silent = trustedproxies is None
        self._networks = [ip_network(one) for one in (PRIVATE if trustedproxies is None else trustedproxies)]
        self._peers: dict[str, Peer] = {}
        self._hosts: dict[str, str | None] = {}
        self._seen: dict[tuple[object, ...], Seen] = {}

    def believe(self, said: Said) -> Seen:
        """What is true of it, as far as we can know."""
        peer = self.find_peer(said.peer)
        host, fault = self._judge_host(said)
        if said.forwarded is None or not peer.names:
            return Seen(peer.address, said.port, said.scheme, host, "", peer.vouches, fault)
        key = (peer.address, said.scheme, said.host, said.hosts, *said.forwarded.items())
        known = self._seen.get(key)
        if known is None:
            known = self._judge(said, said.forwarded, peer, host, fault)
            if not known.port and sum(map(len, said.forwarded.values())) < LONGEST:
                _remember(self._seen, key, known)
        return known

    def _judge(self, said: Said, forwarded: Mapping[bytes, str], peer: Peer, host: str, fault: str) -> Seen:
        named = read_named(forwarded)
        address = self._find_client(forwarded, peer) if peer.vouches else peer.address
        return Seen(
            address=address,
            port=said.port if address == peer.address else 0,
            scheme=named.scheme or said.scheme,
            host=named.host or host,
            prefix=named.prefix if peer.vouches else "",
            trusted=peer.vouches,
            fault=fault,
            likely="" if address or not peer.vouches else self._find_likely(forwarded, peer),
        )

    def find_peer(self, peer: str) -> Peer:
        """Who is connected, and what its word is worth. Whoever may open our socket file is a proxy of ours."""
        known = self._peers.get(peer)
        if known is not None:
            return known
        address = parse_address(peer.partition("%")[0])
        fits = not peer if address is None else self._is_listed(address)
        found = Peer("" if address is None else str(address), names=fits, vouches=fits and not self._silent)
        _remember(self._peers, peer, found)
        return found

    def _is_listed(self, address: Address) -> bool:
        return any(_contains(network, address) for network in self._networks)

    def _judge_host(self, said: Said) -> tuple[str, str]:
        """The host, and why it is none. The server gives a request without Host an empty one."""
        if said.hosts > 1:
            return "", "a request has one Host header"
        if not said.host:
            return ("localhost", "") if said.version in _HOSTLESS else ("", "a request needs a Host header")
        if said.host not in self._hosts:
            _remember(self._hosts, said.host, parse_host(said.host))
        host = self._hosts[said.host]
        return (host, "") if host is not None else ("", "the Host header holds no host: it looks like HOST:PORT")

    def _find_client(self, forwarded: Mapping[bytes, str], peer: Peer) -> str:
        """As the proxies tell; "" where their headers tell of different ones: the proxy wrote one, and whoever asks may
        have sent the other, to be taken for somebody else.
        """
        told = {self._walk(nodes, peer) for nodes in list_clients(forwarded)}
        strangers = {client for client in told if not self.find_peer(client).names}
        if len(strangers) > 1:
            return ""
        return (strangers or sorted(told) or [peer.address]).pop()

    def _find_likely(self, forwarded: Mapping[bytes, str], peer: Peer) -> str:
        """By X-Forwarded-For, to which proxies add; else the proxy itself."""
        return self._walk(_split(forwarded[FOR]), peer) if FOR in forwarded else peer.address

    def _walk(self, nodes: Sequence[str], peer: Peer) -> str:
        """The right-most that is none of our proxies: what stands left of it anybody can have written."""
        believed = peer.address
        for node in reversed(nodes[-HOPS:]):
            address = parse_node(node)
            if address is None:
                break
            believed = str(address)
            if not self._is_listed(address):
                break
        return believed


@dataclass(frozen=True, slots=True)
class Named:
    """How a proxy says that the client reaches us; "" for what it does not say, or says in no form that is one."""

    scheme: str = ""
    host: str = ""
    prefix: str = ""


def read_named(forwarded: Mapping[bytes, str]) -> Named:
    """Of ``Forwarded`` the first element; its mere presence switches the older headers off."""
    prefix = _read_prefix(forwarded.get(PREFIX, ""))
    if FORWARDED in forwarded:
        elements = read_elements(forwarded[FORWARDED])
        first = elements[0] if elements else {}
        return Named(_read_scheme(first.get("proto", "")), parse_host(first.get("host", "")) or "", prefix)
    host = forwarded.get(HOST, "").partition(",")[0].strip()
    return Named(_read_scheme(forwarded.get(PROTO, "").strip()), parse_host(host) or "", prefix)


def list_clients(forwarded: Mapping[bytes, str]) -> Sequence[Sequence[str]]:
    """Whom each proxy on the way was asked by, the nearest proxy's last; for each of the headers that tell it."""
    told: list[Sequence[str]] = []
    if FORWARDED in forwarded:
        told.append([element.get("for", "") for element in read_elements(forwarded[FORWARDED])])
    if FOR in forwarded:
        told.append(_split(forwarded[FOR]))
    if REAL_IP in forwarded:
        told.append([forwarded[REAL_IP].strip()])
    return told


def _split(text: str) -> Sequence[str]:
    return [node.strip() for node in text[-LONGEST:].split(",")]


def read_elements(text: str) -> Sequence[Mapping[str, str]]:
    """The elements of ``Forwarded`` (RFC 7239, 4), names in lower case; none where any of it has no form."""
    elements: list[dict[str, str]] = [{}]
    at = 0
    while len(text) <= LONGEST:
        pair = _PAIR.match(text, at)
        if pair is None or pair[1].lower() in elements[-1]:
            return []
        elements[-1][pair[1].lower()] = re.sub(r"\\(.)", r"\1", pair[2]) if pair[3] is None else pair[3]
        at = pair.end()
        if at == len(text):
            return elements
        if text[at] == ",":
            elements.append({})
        elif text[at] != ";":
            return []
        at += 1
    return []


def _read_scheme(text: str) -> str:
    scheme = text.lower()
    return scheme if scheme in _SCHEMES else ""


def _read_prefix(text: str) -> str:
    found = _PREFIX.fullmatch(text.strip()) if len(text) <= LONGEST else None
    return found[1] if found and not {".", ".."} & set(found[1].split("/")) else ""


def _contains(network: IPv4Network | IPv6Network, address: Address) -> bool:
    return network.version == address.version and address in network


def _remember(memory: dict[K, T], key: K, value: T) -> None:
    """Within bounds: keys come from anybody."""
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[key] = value
