# SPDX-License-Identifier: Apache-2.0
"""Free loopback ports that stay free: chosen below the range from which the kernel takes ports for connections."""

from __future__ import annotations

import random
import socket

LOWEST, HIGHEST = 15000, 32000
_given: set[int] = set()


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody listens on and that this process was not given before.

    Connections out of this machine use ports above 32767, so a server can be restarted on the same port: no
    connection made in the meantime can sit on it.
    """
    for _ in range(1000):
        port = random.randint(LOWEST, HIGHEST)
        if port not in _given and _can_bind(address, port):
            _given.add(port)
            return port
    raise RuntimeError(f"no free port on {address} between {LOWEST} and {HIGHEST}")


def _can_bind(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
