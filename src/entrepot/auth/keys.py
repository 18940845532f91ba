# SPDX-License-Identifier: Apache-2.0
"""The pair that our tokens are signed with, and how other registries know it (compat.md 4.3)."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from entrepot.auth.key_names import PublicKey, find_algorithms, find_libtrust_id
from entrepot.auth.pem_faults import explain_certificates, explain_key
from entrepot.oci.errors import Unavailable

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey

NAME = "entrepot token service"
"""The common name of certificates that we make."""

YEARS = 20
"""For which they hold: other registries trust the certificate by a copy, which nobody wants to renew."""

LEAST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class SigningPair:
    """A private key with its certificate, and those that lead from it to a root.

    ``algorithm``: of signatures, as JWS names it. ``kid``: libtrust's id of the key, by which docker/distribution 2
    finds it among the certificates that it trusts; ``x5c``: the chain in base64, by which 2 and 3 do.
    """

    key: PrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...]
    algorithm: str
    kid: str
    x5c: tuple[str, ...]

    @classmethod
    def parse(cls, key: bytes, certificates: bytes) -> Self:
        """From PEM. Raises ``ValueError`` with what is wrong."""
        private = _parse_key(key)
        chain = _parse_chain(certificates)
        public = private.public_key()
        if _write_public(public) != chain[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo):
            raise ValueError("the first certificate is not that of the key; its own comes first, then who signed it")
        x5c = tuple(base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain)
        return cls(private, chain, _choose_algorithm(private), find_libtrust_id(public), x5c)

    @property
    def public(self) -> PublicKey:
        """What signatures are checked with."""
        return self.key.public_key()

    @property
    def certificate(self) -> str:
        """The chain as PEM: what another registry has in its ``rootcertbundle``."""
        return "".join(one.public_bytes(Encoding.PEM).decode() for one in self.chain)

    def holds_at(self, moment: datetime) -> bool:
        """Whether the certificate is neither expired nor of the future: other registries look."""
        return self.chain[0].not_valid_before_utc <= moment <= self.chain[0].not_valid_after_utc

    def derive(self, purpose: str) -> bytes:
        """A secret of 32 bytes that all have who have the key, another for each purpose."""
        secret = self.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return hashlib.blake2b(purpose.encode(), digest_size=32, key=hashlib.sha512(secret).digest()).digest()


def load_pair(key: Path, certificates: Path) -> SigningPair:
    """From ``auth.accounts.key`` and ``cert``. Raises ``Unavailable`` with what to do."""
    contents = []
    for name, path in (("key", key), ("cert", certificates)):
        try:
            contents.append(path.read_bytes())
        except OSError as error:
            raise Unavailable(f"auth.accounts.{name}: {path} cannot be read: {error.strerror}") from error
    try:
        return SigningPair.parse(*contents)
    except ValueError as error:
        raise Unavailable(f"auth.accounts.key {key} and auth.accounts.cert {certificates}: {error}") from error


def make_pair(now: datetime | None = None) -> tuple[str, str]:
    """A new key (EC P-256) and its certificate, as PEM."""
    begins = (now or datetime.now(UTC)) - timedelta(days=1)  # clocks of those who trust it may be behind
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode(), certificate.public_bytes(Encoding.PEM).decode()


def _write_public(public: PublicKey) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _parse_key(pem: bytes) -> PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("the key is encrypted; write it without a password: openssl pkey -in KEY -out NEW") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"the key {explain_key(pem, 'KEY')}") from None
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey):
        raise ValueError("the key is of a kind that tokens are not signed with; RSA, EC and Ed25519 are")  # noqa: TRY004
    return key


def _parse_chain(pem: bytes) -> tuple[x509.Certificate, ...]:
    try:
        chain = tuple(x509.load_pem_x509_certificates(pem))
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(f"the certificate {explain_certificates(pem, 'CERT')}") from None
    return chain


def _choose_algorithm(key: PrivateKey) -> str:
    """The one that goes with the key; of those for RSA the one that all know."""
    if isinstance(key, RSAPrivateKey) and key.key_size < LEAST_RSA_BITS:
        raise ValueError(f"the RSA key has {key.key_size} bits; {LEAST_RSA_BITS} is the least that is safe")
    known = find_algorithms(key.public_key())
    if not known:
        raise ValueError("the key is on a curve that tokens are not signed with; P-256, P-384 and P-521 are")
    return "RS256" if "RS256" in known else min(known)
