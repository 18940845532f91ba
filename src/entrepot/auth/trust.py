# SPDX-License-Identifier: Apache-2.0
"""Whose tokens are believed: the keys of ``rootcertbundle`` and ``jwks`` (compat.md 4.3)."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError
from jwt.utils import base64url_decode

from entrepot.auth.chains import is_trusted, parse_chain
from entrepot.auth.key_names import PublicKey, find_algorithms, find_libtrust_id, find_thumbprint, hash_jwk
from entrepot.auth.pem_faults import explain_certificates
from entrepot.auth.watched import FileBroken

LARGEST = 4 * 1024 * 1024
"""Bytes of a file of keys at most."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key, or a secret of both sides as bytes, and the signatures that it is for."""

    key: PublicKey | bytes
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class Trust:
    """Keys by all names under which a token may name them, and the certificates that vouch for others."""

    keys: Mapping[str, TrustedKey]
    roots: Sequence[x509.Certificate] = ()

    def find_key(self, header: Mapping[str, object], now: float) -> TrustedKey | None:
        """The key that a token's header names: by a chain of certificates, by a copy, or by name, in this order.

        Of a copy only its fingerprint counts: no key is taken from a token.
        """
        jwk = header.get("jwk")
        embedded = cast(Mapping[str, object], jwk) if isinstance(jwk, dict) else {}
        chain = header.get("x5c", embedded.get("x5c"))
        if chain is not None:
            return self._find_vouched(chain, now)
        if jwk is not None:
            return self.keys.get(hash_jwk(embedded) or "") or self._find_named(embedded.get("kid"))
        return self._find_named(header.get("kid"))

    def _find_named(self, name: object) -> TrustedKey | None:
        return self.keys.get(name) if isinstance(name, str) else None

    def _find_vouched(self, value: object, now: float) -> TrustedKey | None:
        chain = parse_chain(value)
        if chain is None or not is_trusted(chain, self.roots, datetime.fromtimestamp(now, UTC)):
            return None
        return _find_key(chain[0])


NOBODY = Trust({})


def read_trust(bundle: Path | None, jwks: Path | None) -> Trust:
    """Read the files. Raises ``OSError``, or ``FileBroken`` where one holds nothing that can be used."""
    roots = () if bundle is None else _read_bundle(bundle)
    keys: dict[str, TrustedKey] = {}
    for root in roots:
        found = _find_key(root)
        if found is not None:
            keys.update(_name(found))
    if bundle is not None and not keys:
        raise FileBroken(f"{bundle} holds no certificate with a key that signs tokens: RSA, EC (P-256 to 521), Ed25519")
    if jwks is not None:
        keys.update(_read_jwks(jwks))
    return Trust(keys, roots)


def _read_bundle(path: Path) -> Sequence[x509.Certificate]:
    content = _read(path)
    try:
        return x509.load_pem_x509_certificates(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FileBroken(f"{path} {explain_certificates(content, shlex.quote(str(path)))}") from error


def _read_jwks(path: Path) -> Mapping[str, TrustedKey]:
    try:
        entries = json.loads(_read(path))["keys"]
        found = [(entry, key) for entry in entries if (key := _parse_jwk(entry)) is not None]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, PyJWTError, UnsupportedAlgorithm) as error:
        raise FileBroken(f'{path} is no set of JSON web keys, which looks like {{"keys": [...]}}: {error}') from error
    keys: dict[str, TrustedKey] = {}
    for entry, key in found:
        keys.update(_name(key))
        if isinstance(entry.get("kid"), str):
            keys[entry["kid"]] = key
    if not keys:
        raise FileBroken(f"{path} holds no key that signs tokens; a secret (kty oct) needs a kid")
    return keys


def _parse_jwk(entry: Mapping[str, str]) -> TrustedKey | None:
    """A key of a set; None for one that does not sign, or is of a kind that nobody knows."""
    if entry.get("use", "sig") != "sig":
        return None
    key: object
    match entry.get("kty"):
        case "RSA":
            key = RSAAlgorithm.from_jwk(dict(entry))
        case "EC":
            key = ECAlgorithm.from_jwk(dict(entry))
        case "OKP":
            key = OKPAlgorithm.from_jwk(dict(entry))
        case "oct":
            key = base64url_decode(entry["k"])
        case _:
            return None
    public = getattr(key, "public_key", None)  # a set may hold the private halves, too
    found = _trust(key if public is None else public())
    if found is None or "alg" not in entry:
        return found
    return TrustedKey(found.key, found.algorithms & {entry["alg"]})


def _find_key(certificate: x509.Certificate) -> TrustedKey | None:
    try:
        return _trust(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):  # of a kind that the library does not know
        return None


def _trust(key: object) -> TrustedKey | None:
    algorithms = find_algorithms(key)
    return TrustedKey(cast(PublicKey | bytes, key), algorithms) if algorithms and key else None


def _name(trusted: TrustedKey) -> Iterator[tuple[str, TrustedKey]]:
    if not isinstance(trusted.key, bytes):
        yield find_libtrust_id(trusted.key), trusted
        yield find_thumbprint(trusted.key), trusted


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise FileBroken(f"{path} is larger than {LARGEST} bytes")
    return data
