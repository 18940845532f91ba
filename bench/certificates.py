# SPDX-License-Identifier: Apache-2.0
"""Certificates made for one run: of a server on this machine, and of an issuer of tokens. EC P-256, all of them."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFE = timedelta(days=2)


@dataclass(frozen=True)
class Pair:
    """A key and its certificate, signed with itself; `certificate` and `private` are PEM files."""

    key: ec.EllipticCurvePrivateKey
    certificate: Path
    private: Path

    def trust(self) -> ssl.SSLContext:
        """What a client needs to believe a server with it, and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))


def make_pair(directory: Path, name: str) -> Pair:
    """Make a pair for 127.0.0.1 and write it into a directory as `name`.crt and `name`.key."""
    key = ec.generate_private_key(ec.SECP256R1())
    pair = Pair(key, directory / f"{name}.crt", directory / f"{name}.key")
    directory.mkdir(parents=True, exist_ok=True)
    pair.certificate.write_bytes(_certify(key, name).public_bytes(serialization.Encoding.PEM))
    forms = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pair.private.touch(mode=0o600)
    pair.private.write_bytes(key.private_bytes(serialization.Encoding.PEM, *forms))
    return pair


def _certify(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
