# SPDX-License-Identifier: Apache-2.0
"""Finds where what a proxy says, how it asks us, and the configuration contradict each other, and says what to set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import urlsplit

from entrepot.telemetry.notices import Notices
from entrepot.web.forwarded import (
    FORWARDED,
    HOST,
    PREFIX,
    PROTO,
    Forwarding,
    Named,
    Peer,
    Said,
    Seen,
    list_clients,
    read_elements,
    read_named,
)
from entrepot.web.hosts import Address, parse_address, parse_node
from entrepot.web.settings import HttpSettings, TcpAddress

MOST = 1000
"""Kinds of requests that are remembered, each by a few headers of :data:`SHOWN` characters; the oldest makes room."""

SHOWN = 60
"""Characters of a header that are shown, and by which kinds of requests are told apart."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, in one word, and what to set."""

    name: str
    text: str


_PORTS = {"http": 80, "https": 443}


class ProxyDoctor:
    """Looks at requests with forwarded headers, once at each kind. Not to be used by several threads."""

    def __init__(self, settings: HttpSettings, notices: Notices) -> None:
        self._base = urlsplit(settings.base or "")
        self._silent = settings.trustedproxies is None
        self._port = settings.address.port if isinstance(settings.address, TcpAddress) else None
        self._notices = notices
        self._near = Forwarding(None)
        self._known: dict[tuple[object, ...], None] = {}

    def examine(self, said: Said, forwarded: Mapping[bytes, str], peer: Peer, seen: Seen) -> None:
        """Costs a microsecond where such a request came before."""
        kind: tuple[object, ...] = (said.peer,)
        if peer.names:  # of who is not believed it is all the same what they say
            told = (forwarded.get(name, "")[:SHOWN] for name in (PROTO, HOST, PREFIX))
            kind = (said.peer, said.host[:SHOWN], *told, *forwarded)
        if kind in self._known:
            return
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[kind] = None
        for finding in self._find(said, forwarded, peer, seen):
            self._notices.tell(finding.name, finding.text)

    def _find(self, said: Said, forwarded: Mapping[bytes, str], peer: Peer, seen: Seen) -> Iterator[Finding]:
        if not any(forwarded.values()):  # some proxies empty headers instead of removing them: nobody says anything
            return
        if not peer.names:
            yield Finding(
                "untrusted",
                f"{peer.address} sends forwarded headers, and they are ignored: if it is your proxy, add "
                f"{_network(peer)} to http.trustedproxies; else somebody forges them",
            )
            return
        named = read_named(forwarded)
        yield from _find_unreadable(forwarded, named)
        yield from self._find_origin(said, forwarded, named, seen)
        yield from self._find_trust(forwarded, peer, seen)

    def _find_origin(self, said: Said, forwarded: Mapping[bytes, str], named: Named, seen: Seen) -> Iterator[Finding]:
        if self._base.netloc:
            if named.scheme and named.scheme != self._base.scheme:
                yield Finding(
                    "scheme",
                    f"clients come with {named.scheme}, and http.host says {self._base.scheme}: change http.host",
                )
            if (named.host or not self._is_upstream(said)) and not self._is_own(seen):
                yield Finding(
                    "host",
                    f"clients ask for {seen.host[:SHOWN]}, and http.host says {self._base.netloc}: answers lead there; "
                    "change http.host, or leave it out",
                )
            return
        if not named.scheme and PROTO not in forwarded:
            yield Finding(
                "scheme-missing",
                "the proxy does not say whether clients come with https, so that we take it for http; in nginx: "
                "proxy_set_header X-Forwarded-Proto $scheme;",
            )
        if not named.host and self._is_upstream(said):
            yield Finding(
                "host-rewritten",
                f"the proxy asks for {said.host[:SHOWN]}, our address as it knows it, and does not say what the client "
                "asked for; in nginx: proxy_set_header Host $http_host;",
            )

    def _find_trust(self, forwarded: Mapping[bytes, str], peer: Peer, seen: Seen) -> Iterator[Finding]:
        if self._silent:
            untold = [name for name, there in (("clients' addresses", _tells_client(forwarded)),) if there]
            untold += ["the path that it strips (X-Forwarded-Prefix)"] if PREFIX in forwarded else []
            if untold:
                yield Finding(
                    "trust",
                    f"what the proxy {peer.address or 'on the socket'} says of {' and '.join(untold)} is not believed: "
                    f"set http.trustedproxies: [{_network(peer)}]",
                )
            return
        if not seen.address and peer.address:
            yield Finding(
                "clients-differ",
                "X-Forwarded-For, X-Real-IP and Forwarded name different clients, so that nobody is believed: let the "
                'proxy set the one and remove the others; in nginx: proxy_set_header Forwarded ""; '
                "proxy_set_header X-Real-IP $remote_addr;",
            )
        address = parse_address(seen.address)
        farther = any(len(nodes) > 1 and parse_node(nodes[0]) != address for nodes in list_clients(forwarded))
        if address is not None and farther and self._is_near(address):
            yield Finding(
                "several",
                f"{address} forwards for others, too, and is not trusted, so that it counts as the client: if it is a "
                "proxy of yours, add it to http.trustedproxies",
            )

    def _is_upstream(self, said: Said) -> bool:
        """Whether Host is what a proxy calls us by itself: our port at an address or a name without dots."""
        parts = urlsplit(f"//{said.host}")
        if self._port is None:
            return not said.peer and parts.hostname == "localhost"
        name = parts.hostname or ""
        address = parse_address(name)
        near = "." not in name if address is None else self._is_near(address)
        return near and parts.port == self._port

    def _is_near(self, address: Address) -> bool:
        """Whether it is this machine's or a private one."""
        return self._near.find_peer(str(address)).names

    def _is_own(self, seen: Seen) -> bool:
        """Whether the client asks for what ``http.host`` names; a port that goes without saying may be said."""
        asked = urlsplit(f"//{seen.host}")
        port = _PORTS.get(self._base.scheme)
        return (asked.hostname, asked.port or port) == (self._base.hostname, self._base.port or port)


def _find_unreadable(forwarded: Mapping[bytes, str], named: Named) -> Iterator[Finding]:
    if FORWARDED in forwarded:
        if not read_elements(forwarded[FORWARDED]):
            text = forwarded[FORWARDED][:SHOWN]
            yield Finding("forwarded-unreadable", f"Forwarded: {text!r} is ignored, for it is not in RFC 7239's form")
        older = read_named({name: text for name, text in forwarded.items() if name != FORWARDED})
        if (older.scheme or named.scheme, older.host or named.host) != (named.scheme, named.host):
            yield Finding(
                "two-kinds",
                "Forwarded and X-Forwarded-* say different things, and Forwarded counts: let the proxy remove one of "
                'them (proxy_set_header Forwarded "";)',
            )
        return
    for header, name, read, right in (
        (PROTO, "X-Forwarded-Proto", named.scheme, "http or https"),
        (HOST, "X-Forwarded-Host", named.host, "a host with or without a port"),
        (
            PREFIX,
            "X-Forwarded-Prefix",
            named.prefix or forwarded.get(PREFIX, "") in {"", "/"},
            "a path, as in /registry",
        ),
    ):
        if header in forwarded and not read:
            text = forwarded[header][:SHOWN]
            yield Finding(
                f"{name.lower()}-unreadable",
                f"{name}: {text!r} is ignored, for it is not {right}; let the proxy set it",
            )


def _tells_client(forwarded: Mapping[bytes, str]) -> bool:
    return any(any(nodes) for nodes in list_clients(forwarded))


def _network(peer: Peer) -> str:
    """As http.trustedproxies names it. On a socket file any network will do: who may open it is trusted."""
    return str(ip_network(peer.address or "127.0.0.1"))
