# SPDX-License-Identifier: Apache-2.0
"""Settings of HTTP: ``http`` (compat.md 1.2, 3.9)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """``host`` empty: all addresses, IPv6 and IPv4. ``port`` 0: any free one (tests)."""

    host: str
    port: int

    @property
    def everywhere(self) -> bool:
        """Whether all addresses of the machine are meant."""
        return self.host in {"", "0.0.0.0", "::"}  # noqa: S104 - words to recognise


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket file."""

    path: Path


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """``http.tls``: PEM files. ``minimum``: ``tls1.2`` or ``tls1.3``. With ``clientcas`` only clients that show a
    certificate of one of these authorities are let in.
    """

    certificate: Path
    key: Path
    clientcas: tuple[Path, ...] = ()
    minimum: str = "tls1.2"

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.certificate, self.key, *self.clientcas)


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """``http``. ``prefix`` begins and ends with ``/``; ``host`` is an absolute base URL or None.

    ``trustedproxies``: networks in CIDR form whose forwarded headers count; None where the configuration is silent.
    ``http2``: whether it is offered with TLS (``http.http2.disabled``).
    ``draintimeout`` in seconds; None where the configuration is silent (then requests get 10 s to end).
    """

    address: TcpAddress | UnixAddress
    prefix: str = "/"
    host: str | None = None
    draintimeout: float | None = None
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    h2c_enabled: bool = False
    trustedproxies: tuple[str, ...] | None = None
    tls: TlsSettings | None = None
    http2: bool = True

    @property
    def scheme(self) -> str:
        """What the server itself speaks."""
        return "http" if self.tls is None else "https"

    @property
    def base(self) -> str | None:
        """What ``http.host`` puts before ``/v2/``; its path counts only with a slash behind it, as in distribution."""
        parts = urlsplit(self.host or "")
        if not (parts.scheme and parts.netloc):
            return None
        return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') if parts.path.endswith('/') else ''}"
