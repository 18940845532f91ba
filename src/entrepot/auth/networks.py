# SPDX-License-Identifier: Apache-2.0
"""Addresses of clients and the networks that rules name (see :func:`entrepot.auth.names.parse_network`)."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from entrepot.auth.names import ANYWHERE
from entrepot.oci.globs import Globs

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Network:
    """Where a rule holds."""

    block: IPv4Network | IPv6Network | None = None
    globs: Globs | None = None

    @classmethod
    def of(cls, text: str) -> "Network":
        """As a rule says it. What is none, because somebody else wrote it into the database, matches nothing."""
        if text == ANYWHERE:
            return cls()
        if "*" in text or "?" in text:
            return cls(globs=Globs([text]))
        try:
            return cls(ip_network(text, strict=False))
        except ValueError:
            return cls(globs=Globs([]))

    def holds(self, address: Address | None) -> bool:
        """Whether the address is in it; None, which is no address, is only where everything is."""
        if self.block is None and self.globs is None:
            return True
        if address is None:
            return False
        return (
            address in self.block
            if self.block is not None
            else self.globs is not None and self.globs.match(str(address))
        )


def read_address(text: str) -> Address | None:
    """The address of a client; IPv4 that is written as IPv6 is IPv4 again. None: a socket, or not known."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
