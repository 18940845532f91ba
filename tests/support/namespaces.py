# SPDX-License-Identifier: Apache-2.0
"""Two hosts on one machine: network namespaces joined by a virtual wire, made by a test and removed after it."""

from __future__ import annotations

import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support import programs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Addresses kept for documentation (RFC 5737): they are nobody's, and exist only inside the namespaces.
NETWORK = "192.0.2.0/30"
ADDRESSES = ("192.0.2.1", "192.0.2.2")


@dataclass(frozen=True, slots=True)
class Namespace:
    """A network namespace with one address on the wire."""

    name: str
    address: str

    def inside(self, command: Sequence[str]) -> list[str]:
        """The command line that runs `command` in this namespace (its network only: mounts stay the machine's)."""
        return [programs.find("nsenter"), f"--net=/run/netns/{self.name}", "--", *command]


@contextmanager
def wire() -> Iterator[tuple[Namespace, Namespace]]:
    """Two namespaces that reach each other and nothing else. End every program inside before leaving."""
    programs.need("ip", "nsenter")
    programs.need_root("to make network namespaces")
    mark = secrets.token_hex(3)
    left, right = (Namespace(f"ep-{mark}-{side}", address) for side, address in zip("ab", ADDRESSES, strict=True))
    with ExitStack() as undo:
        for side in (left, right):
            programs.run(["ip", "netns", "add", side.name])
            undo.callback(programs.run, ["ip", "netns", "delete", side.name])
        # Both ends are born inside, and go with their namespaces: the machine's own network is never touched.
        peer = ["peer", "name", "wire0", "netns", right.name]
        programs.run(["ip", "link", "add", "wire0", "netns", left.name, "type", "veth", *peer])
        for side in (left, right):
            programs.run(["ip", "-n", side.name, "address", "add", f"{side.address}/30", "dev", "wire0"])
            for link in ("lo", "wire0"):
                programs.run(["ip", "-n", side.name, "link", "set", link, "up"])
        yield left, right
