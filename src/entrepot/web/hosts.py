# SPDX-License-Identifier: Apache-2.0
"""Hosts and addresses as headers name them, read strictly: what is built from them stands in answers and events."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

LONGEST = 255
"""Characters of a host with its port at most."""

_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]+", re.ASCII)

Address = IPv4Address | IPv6Address


def parse_host(text: str) -> str | None:
    """``text`` where it is a host with or without a port, as in ``registry.example.com:5000`` or ``[2001:db8::1]``;
    None for anything else: no user, no path, no blank, nothing outside ASCII (RFC 9110, 4.2.3 and 7.2).
    """
    if len(text) > LONGEST:
        return None
    if text.startswith("["):
        literal, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")) or not isinstance(parse_address(literal), IPv6Address):
            return None
        port = rest
    else:
        name, colon, number = text.partition(":")
        if not _NAME.fullmatch(name):
            return None
        port = colon + number
    return text if not port or _is_port(port[1:]) else None


def parse_address(text: str) -> Address | None:
    """An IP address without zone; None for anything else. IPv4 inside IPv6 (``::ffff:192.0.2.1``) is IPv4."""
    if len(text) > LONGEST or not _ADDRESS.fullmatch(text):
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def parse_node(text: str) -> Address | None:
    """An address as proxies name their clients: IPv6 with or without brackets, a port behind it is dropped."""
    if text.startswith("["):
        literal, closed, rest = text[1:].partition("]")
        fits = closed and (not rest or (rest.startswith(":") and _is_port(rest[1:])))
        return parse_address(literal) if fits else None
    head, _, port = text.partition(":")
    if _is_port(port) and "." in head:
        return parse_address(head)
    return parse_address(text)


def write_address(address: Address, port: int) -> str:
    """With its port, as people write it."""
    return f"[{address}]:{port}" if isinstance(address, IPv6Address) else f"{address}:{port}"


def _is_port(text: str) -> bool:
    return bool(_PORT.fullmatch(text)) and 0 < int(text) < 65536
