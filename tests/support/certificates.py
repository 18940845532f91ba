# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests: made by our own authority, or by openssl as people make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from entrepot.certificates.issuing import issue_certificate, make_authority
from support import programs

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = ("-newkey", "rsa:4096", "-nodes", "-sha256", "-days", "365")
"""What the documentation of registry:2 told people for years, less its questions."""


@dataclass(frozen=True, slots=True)
class PairFiles:
    """A certificate, its key, and what clients trust."""

    certificate: Path
    key: Path
    ca: Path

    @property
    def tls(self) -> dict[str, Any]:
        """``http.tls``."""
        return {"certificate": str(self.certificate), "key": str(self.key)}

    @property
    def config(self) -> dict[str, Any]:
        """A configuration with it, for `Server`."""
        return {"http": {"tls": self.tls}}

    def put(self, certificate: Path, key: Path) -> None:
        """Copy both over other files, key first."""
        key.write_bytes(self.key.read_bytes())
        certificate.write_bytes(self.certificate.read_bytes())


def issue(directory: Path, *names: str) -> PairFiles:
    """A pair of the authority in ``directory``, which is made where it is not there; 127.0.0.1 without names."""
    authority = make_authority(directory)
    certificate, key = directory / "server.crt", directory / "server.key"
    issue_certificate(authority, names or ("127.0.0.1",), certificate, key)
    return PairFiles(certificate, key, authority.path)


def self_sign(directory: Path, *options: str, recipe: tuple[str, ...] = RECIPE) -> PairFiles:
    """A certificate that signed itself, by ``openssl req -x509``; it is what clients are told to trust."""
    directory.mkdir(parents=True, exist_ok=True)
    certificate, key = directory / "domain.crt", directory / "domain.key"
    programs.run(["openssl", "req", "-x509", *recipe, "-keyout", key, "-out", certificate, *options])
    return PairFiles(certificate, key, certificate)
