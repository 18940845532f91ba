# SPDX-License-Identifier: Apache-2.0
"""Certificates for keys that sign tokens, good ones and odd ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.forging import SigningKey


class Authority:
    """A key with its certificate, signed by ``above`` or by itself; it signs others whether or not it may."""

    def __init__(
        self,
        name: str,
        above: Authority | None = None,
        *,
        key: SigningKey | None = None,
        ca: bool | None = True,
        length: int | None = None,
        begins: timedelta = timedelta(days=-1),
        ends: timedelta = timedelta(days=1),
        extensions: Sequence[x509.ExtensionType] = (),
    ) -> None:
        self.key: SigningKey = key or ec.generate_private_key(ec.SECP256R1())
        self.above = above
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(above.certificate.subject if above else subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
        )
        if ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca, length if ca else None), critical=True)
        for extension in extensions:
            builder = builder.add_extension(extension, critical=True)
        self.certificate: x509.Certificate = builder.sign(above.key if above else self.key, hashes.SHA256())

    @property
    def chain(self) -> list[x509.Certificate]:
        """From this one up to below the root."""
        return [self.certificate, *(self.above.chain if self.above and self.above.above else [])]

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)
