# SPDX-License-Identifier: Apache-2.0
"""Settings of HTTP: ``http`` (compat.md 1.2, 3.9)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """``host`` empty: all addresses, IPv6 and IPv4. ``port`` 0: any free one (tests)."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket file."""

    path: Path


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """``http``. ``prefix`` begins and ends with ``/``; ``host`` is an absolute base URL or None.

    ``draintimeout`` in seconds; None where the configuration is silent (then requests get 10 s to end).
    """

    address: TcpAddress | UnixAddress
    prefix: str = "/"
    host: str | None = None
    draintimeout: float | None = None
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    h2c_enabled: bool = False
