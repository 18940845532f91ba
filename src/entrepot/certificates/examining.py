# SPDX-License-Identifier: Apache-2.0
"""A certificate and its key before they are served: what cannot be served, and what clients will refuse.

Today's Go clients (docker, podman, containerd) take no certificate without subject alternative names, which the usual
``openssl req -x509 -subj /CN=...`` recipes leave out.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from entrepot.certificates.names import covers, is_name, list_names

AUTHORITY_CERTIFICATE, AUTHORITY_KEY = "ca.crt", "ca.key"

_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)
_LARGEST = 1024 * 1024
_SOON = timedelta(days=14)
_LEAST_BITS, _MOST_BITS = 2048, 4096
_CURVES = {"secp256r1", "secp384r1"}


class Unservable(Exception):
    """A certificate or key that the server cannot use; the message names file, fault and remedy."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its chain, and its key, as they lie in files; ``config``: the file that names them."""

    certificate_path: Path
    key_path: Path
    certificate: bytes
    key: bytes
    config: Path | None = None


def read_pair(certificate: Path, key: Path, config: Path | None = None) -> Pair:
    """Both files. Raises ``Unservable``."""
    return Pair(certificate, key, read_pem(certificate), read_pem(key), config)


def read_pem(path: Path) -> bytes:
    """A file that should hold PEM. Raises ``Unservable`` where it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise Unservable(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > _LARGEST:
        raise Unservable(f"{path} is larger than 1 MiB: it should hold PEM blocks of certificates or a key")
    return content


def read_chain(content: bytes, path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file, one at least. Raises ``Unservable``."""
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise Unservable(
            f"{path} holds no certificate: a PEM file is wanted, with the server's certificate first "
            "(-----BEGIN CERTIFICATE-----)"
        ) from None


def check_servable(pair: Pair) -> list[x509.Certificate]:
    """The chain, which can be served with this key. Raises ``Unservable``."""
    chain = read_chain(pair.certificate, pair.certificate_path)
    key = _load_key(pair)
    _require_match(pair, chain, key)
    _require_strength(pair, chain[0], key)
    if chain[0].version is not x509.Version.v3:
        raise Unservable(
            f"{pair.certificate_path} is an X.509 version 1 certificate, which nobody takes today; "
            f"{mend(pair, chain[0])}"
        )
    return chain


def list_weaknesses(pair: Pair, chain: list[x509.Certificate], now: datetime, host: str | None) -> list[str]:
    """What can be served, but clients will refuse or an attacker would like: a sentence for each.

    ``host``: the name by which clients know the registry, without port; None where nothing says it.
    """
    leaf, path = chain[0], pair.certificate_path
    found = [*_list_wrong_names(pair, leaf, host), *_list_wrong_times(pair, leaf, now)]
    if isinstance(leaf.signature_hash_algorithm, hashes.SHA1 | hashes.MD5):
        weak = leaf.signature_hash_algorithm.name
        found.append(f"{path} is signed with {weak}, which clients refuse; {mend(pair, leaf)}")
    for certificate, issuer in pairwise(chain):
        if not is_issued_by(certificate, issuer):
            found.append(
                f"{path}: after the certificate of {describe(certificate)} stands that of {describe(issuer)}, which "
                "did not issue it; each is followed by its issuer, or clients may not find the way to their authority"
            )
    if pair.key_path.stat().st_mode & 0o027:
        found.append(f"others can read or change the key {pair.key_path}: chmod 0600 {pair.key_path}")
    return found


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether ``issuer`` signed it."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def find_anchor(pair: Pair, chain: list[x509.Certificate]) -> x509.Certificate | None:
    """What a client has to trust, where that is private: ``ca.crt`` beside the certificate if it issued it, else the
    last of the chain if it signed itself. None: an authority elsewhere, which clients know or ask for.
    """
    try:
        beside = read_chain(read_pem(pair.certificate_path.with_name(AUTHORITY_CERTIFICATE)), pair.certificate_path)[0]
    except Unservable:
        beside = None
    if beside is not None and any(is_issued_by(one, beside) for one in chain):
        return beside
    return chain[-1] if is_issued_by(chain[-1], chain[-1]) else None


def days_left(certificate: x509.Certificate, now: datetime) -> int:
    """Whole days until it expires; negative afterwards."""
    return (certificate.not_valid_after_utc - now).days


def describe(certificate: x509.Certificate) -> str:
    """Whose certificate it is, for a sentence."""
    return certificate.subject.rfc4514_string() or ", ".join(list_names(certificate)) or "nobody"


def mend(pair: Pair, certificate: x509.Certificate, host: str | None = None) -> str:
    """The command that makes a certificate which clients take, for the names of this one and ``host``."""
    force = not is_renewable(pair, certificate)
    return f"make another: {name_init(pair.config, suggest_names(certificate, host), force=force)}"


def suggest_names(certificate: x509.Certificate, host: str | None = None) -> list[str]:
    """For what names to make another: ``host``, and those of this one; its common name, where it has no others."""
    common = [str(one.value) for one in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    names = list_names(certificate) or tuple(name for name in common if is_name(name))
    return [*dict.fromkeys([*([host] if host else []), *names])]


def name_init(config: Path | None, names: Sequence[str], *, force: bool) -> str:
    """The whole command, as it is typed."""
    options = [*(["--force"] if force else []), *(["--config", str(config)] if config is not None else [])]
    return shlex.join(["entrepot", "cert", "init", *options, *(names or ["HOST"])])


def is_renewable(pair: Pair, certificate: x509.Certificate) -> bool:
    """Whether ``entrepot cert renew`` can do it: the authority that issued it lies beside it with its key."""
    beside = pair.certificate_path.parent
    try:
        authority = read_chain(read_pem(beside / AUTHORITY_CERTIFICATE), beside / AUTHORITY_CERTIFICATE)[0]
        key = serialization.load_pem_private_key(read_pem(beside / AUTHORITY_KEY), None)
    except (Unservable, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    ours = isinstance(key, EllipticCurvePrivateKey) and key.public_key() == authority.public_key()
    return ours and is_issued_by(certificate, authority)


def _renew(pair: Pair, leaf: x509.Certificate) -> str:
    if is_renewable(pair, leaf) and list_names(leaf):
        config = ["--config", str(pair.config)] if pair.config is not None else []
        return shlex.join(["entrepot", "cert", "renew", *config])
    return f"renew it where it was issued, or {mend(pair, leaf)}"


def _list_wrong_names(pair: Pair, leaf: x509.Certificate, host: str | None) -> list[str]:
    names, path = list_names(leaf), pair.certificate_path
    if not names:
        refused = 'docker and other clients refuse it ("certificate relies on legacy Common Name field")'
        only = f"{path} has no subject alternative name (it only says {describe(leaf)})"
        return [f"{only}, and {refused}; {mend(pair, leaf, host)}"]
    if host is not None and not covers(leaf, host):
        return [f"{path} is for {', '.join(names)} and not for {host} (http.host); {mend(pair, leaf, host)}"]
    return []


def _list_wrong_times(pair: Pair, leaf: x509.Certificate, now: datetime) -> list[str]:
    begins, ends, path = leaf.not_valid_before_utc, leaf.not_valid_after_utc, pair.certificate_path
    if now > ends:
        return [f"{path} expired on {ends:%Y-%m-%d}, and clients refuse it; {_renew(pair, leaf)}"]
    if now < begins:
        clock = f"is this machine's clock right? it says {now.astimezone(UTC):%Y-%m-%d %H:%M}"
        early = f"{path} is not valid before {begins:%Y-%m-%d %H:%M} UTC, and clients refuse it until then"
        return [f"{early} ({clock}); {mend(pair, leaf)}"]
    if ends - now < _SOON and ends - begins > 2 * _SOON:
        return [f"{path} expires on {ends:%Y-%m-%d}, in {days_left(leaf, now)} days; {_renew(pair, leaf)}"]
    return []


def _load_key(pair: Pair) -> PrivateKeyTypes:
    block = _KEY.search(pair.key)
    if block is None:
        raise Unservable(f"{pair.key_path} holds no key: a PEM file is wanted (-----BEGIN PRIVATE KEY-----)")
    try:
        return serialization.load_pem_private_key(block[0] + b"\n", None)
    except TypeError:
        raise Unservable(
            f"the key {pair.key_path} has a passphrase, and nobody is there to type it; "
            f"write it without one: openssl pkey -in {pair.key_path} -out NEW"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise Unservable(f"the key {pair.key_path} cannot be read: it is damaged or of an unknown kind") from None


def _require_match(pair: Pair, chain: list[x509.Certificate], key: PrivateKeyTypes) -> None:
    ours = _public_bytes(key)
    matching = [index for index, certificate in enumerate(chain) if _certified_bytes(certificate) == ours]
    if not matching:
        raise Unservable(
            f"the key {pair.key_path} is not that of the certificate {pair.certificate_path} ({describe(chain[0])}): "
            f"name the two files that were made together, or {mend(pair, chain[0])}"
        )
    if matching[0] != 0:
        raise Unservable(
            f"{pair.certificate_path} is in the wrong order: the certificate of the key "
            f"({describe(chain[matching[0]])}) comes first, then the one that issued it, and so on: "
            f"cat server.crt intermediate.crt > {pair.certificate_path.name}"
        )


def _require_strength(pair: Pair, leaf: x509.Certificate, key: PrivateKeyTypes) -> None:
    """What the server's TLS can sign with (rustls with ring, tried)."""
    if isinstance(key, RSAPrivateKey):
        if _LEAST_BITS <= key.key_size <= _MOST_BITS:
            return
        kind = f"RSA of {key.key_size} bits"
    elif isinstance(key, EllipticCurvePrivateKey):
        if key.curve.name in _CURVES:
            return
        kind = f"on the curve {key.curve.name}"
    elif isinstance(key, Ed25519PrivateKey):
        return
    else:
        kind = "of an unusual kind"
    raise Unservable(
        f"the key {pair.key_path} is {kind}, and the server's TLS takes RSA of 2048 to 4096 bits, P-256, P-384 and "
        f"Ed25519; {mend(pair, leaf)}"
    )


def _public_bytes(key: PrivateKeyTypes) -> bytes:
    public = key.public_key()
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _certified_bytes(certificate: x509.Certificate) -> bytes:
    try:
        public = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return b""
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
