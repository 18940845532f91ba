# SPDX-License-Identifier: Apache-2.0
"""Who failed to sign in lately, and how long that lets them wait."""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

HALF_LIFE = 60.0
"""Seconds in which half of somebody's failures are forgotten."""

MOST = 10_000
"""Addresses and users remembered at most, of each; who failed longest ago goes first."""

FIRST = 0.1
"""Seconds that the second attempt after a failure waits; each further failure doubles them."""

FORGOTTEN = 10 * HALF_LIFE
"""Seconds after the last failure, by when next to nothing is left of any number."""

_HIGHEST = 12.0


class Failures:
    """Counts failures by name; they fade away. ``longest``: seconds that anybody waits at most."""

    def __init__(self, longest: float, now: Callable[[], float]) -> None:
        self._longest = longest
        self._now = now
        self._counts: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def count(self, name: str) -> float:
        """Failures, faded by the time since."""
        count, at = self._counts.get(_shorten(name), (0.0, 0.0))
        return count * 0.5 ** ((self._now() - at) / HALF_LIFE) if count else 0.0

    def delay(self, name: str) -> float:
        """Seconds to wait before the next attempt; the first failure costs nothing yet."""
        count = self.count(name)
        return 0.0 if count <= 1 else min(self._longest, FIRST * 2 ** (count - 1))

    def add(self, name: str) -> None:
        """One more."""
        now, short = self._now(), _shorten(name)
        self._counts[short] = (min(self.count(name) + 1, _HIGHEST), now)
        self._counts.move_to_end(short)
        while len(self._counts) > MOST or next(iter(self._counts.values()))[1] < now - FORGOTTEN:
            self._counts.popitem(last=False)


def _shorten(name: str) -> bytes:
    """What strangers send may be long; what is kept of it is not."""
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def find_network(address: str) -> str:
    """By what an address is counted: IPv4 as it is, IPv6 by the /64 that one household has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{ipaddress.IPv6Address(int(parsed) >> 64 << 64)}/64"
