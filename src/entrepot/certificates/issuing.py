# SPDX-License-Identifier: Apache-2.0
"""A private authority and the certificates that it issues: EC P-256, all names as subject alternative names.

Server certificates last 397 days: Apple's clients refuse longer ones of any authority but those added by hand, and a
short life is what makes a lost key harmless in the end.
"""

import contextlib
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from entrepot.certificates.examining import (
    AUTHORITY_CERTIFICATE,
    AUTHORITY_KEY,
    Unservable,
    is_issued_by,
    read_chain,
    read_pem,
)
from entrepot.certificates.names import parse_name

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 397
PEM = serialization.Encoding.PEM

_SLACK = timedelta(hours=1)
"""How far in the past validity begins, for clients whose clock is behind."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A private certificate authority: ``ca.crt`` and ``ca.key`` in one directory."""

    directory: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def path(self) -> Path:
        """The certificate that clients are to trust."""
        return self.directory / AUTHORITY_CERTIFICATE

    @property
    def pem(self) -> bytes:
        """The same as PEM."""
        return self.certificate.public_bytes(PEM)


def make_authority(directory: Path) -> Authority:
    """The authority of ``directory``: the one that is there, else a new one (key mode 0600, ten years).

    Raises ``Unservable`` where one half is there without the other, or cannot be read; ``OSError`` where nothing can be
    written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    found = find_authority(directory)
    if found is not None:
        return found
    key = ec.generate_private_key(ec.SECP256R1())
    common = f"entrepot CA {socket.gethostname()[:32]} {secrets.token_hex(3)}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    certificate = (
        _begin(name, name, key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    authority = Authority(directory, certificate, key)
    write_file(directory / AUTHORITY_KEY, _key_pem(key), 0o600)
    write_file(authority.path, authority.pem, 0o644)
    return authority


def find_authority(directory: Path) -> Authority | None:
    """The authority that lies in ``directory``, None where there is none. Raises ``Unservable``."""
    certificate_path, key_path = directory / AUTHORITY_CERTIFICATE, directory / AUTHORITY_KEY
    if not key_path.exists():
        if certificate_path.exists():
            raise Unservable(
                f"{certificate_path} is there without its key {key_path}: bring the key back, work where the key is "
                "(entrepot cert sign), or move the file away to begin with a new authority"
            )
        return None
    certificate = read_chain(read_pem(certificate_path), certificate_path)[0]
    try:
        key = serialization.load_pem_private_key(read_pem(key_path), None)
    except (ValueError, TypeError):
        raise Unservable(f"the key {key_path} cannot be read: it is damaged or has a passphrase") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise Unservable(f"{key_path} is not the key of {certificate_path}: these two were not made by entrepot")
    return Authority(directory, certificate, key)


def issue_certificate(authority: Authority, names: Sequence[str], certificate: Path, key: Path) -> x509.Certificate:
    """A certificate for ``names`` with a new key, written to these paths (the key mode 0600), the authority's own
    behind it. Raises ``ValueError`` for a name that is none, ``OSError``.
    """
    alternatives = [parse_name(name) for name in names]
    private = ec.generate_private_key(ec.SECP256R1())
    issued = _issue(authority, private.public_key(), alternatives)
    for path in (certificate, key):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_file(key, _key_pem(private), 0o600)
    write_file(certificate, issued.public_bytes(PEM) + authority.pem, 0o644)
    return issued


def sign_request(authority: Authority, content: bytes) -> bytes:
    """A certificate in PEM, with the authority's behind it, for a signing request (PEM).

    Only the request's key and its names count. Raises ``ValueError`` with what is wrong.
    """
    try:
        request = x509.load_pem_x509_csr(content)
        valid = request.is_signature_valid
    except (ValueError, TypeError):
        raise ValueError(
            "this is no signing request in PEM (-----BEGIN CERTIFICATE REQUEST-----) that can be read"
        ) from None
    if not valid:
        raise ValueError("the request is not signed with its own key: it was damaged or changed")
    try:
        named = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        alternatives = [parse_name(str(one.value)) for one in common]
    else:
        alternatives = [parse_name(str(one.value)) for one in named if isinstance(one, x509.DNSName | x509.IPAddress)]
    if not alternatives:
        raise ValueError('the request names no host; openssl req adds one: -addext "subjectAltName=DNS:NAME"')
    issued = _issue(authority, request.public_key(), alternatives)
    return issued.public_bytes(PEM) + authority.pem


def is_ours(certificate: Path, authority: Authority | None) -> bool:
    """Whether the file holds a certificate of ``authority``, whose key we have: then it may be replaced."""
    try:
        chain = read_chain(read_pem(certificate), certificate)
    except Unservable:
        return False
    return authority is not None and is_issued_by(chain[0], authority.certificate)


def write_file(path: Path, content: bytes, mode: int) -> None:
    """Replace a file whole; it keeps its owner where we may give it away."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            with contextlib.suppress(OSError):
                former = path.stat()
                os.fchown(file.fileno(), former.st_uid, former.st_gid)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _issue(
    authority: Authority, public: CertificatePublicKeyTypes, alternatives: Sequence[x509.GeneralName]
) -> x509.Certificate:
    common = x509.NameAttribute(NameOID.COMMON_NAME, str(alternatives[0].value)[:64])
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return (
        _begin(x509.Name([common]), authority.certificate.subject, public, CERTIFICATE_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(x509.SubjectAlternativeName(dict.fromkeys(alternatives)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(identifier, critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _begin(
    subject: x509.Name, issuer: x509.Name, public: CertificatePublicKeyTypes, days: int
) -> x509.CertificateBuilder:
    begins = datetime.now(UTC) - _SLACK
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
