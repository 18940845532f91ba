# SPDX-License-Identifier: Apache-2.0
"""Keys that sign tokens, their names, and which signatures they are for (compat.md 4.3)."""

import hashlib
import json
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_CURVES = {"secp256r1": ("P-256", "ES256"), "secp384r1": ("P-384", "ES384"), "secp521r1": ("P-521", "ES512")}
_REQUIRED = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
SECRET = frozenset({"HS256", "HS384", "HS512"})
"""Signatures for which whoever checks could sign as well."""


def find_algorithms(key: object) -> frozenset[str]:
    """The signatures that a key is for: one of another kind is never tried with it. Empty: it signs no tokens."""
    if isinstance(key, bytes):
        return SECRET
    if isinstance(key, RSAPublicKey):
        return _RSA
    if isinstance(key, EllipticCurvePublicKey):
        return frozenset(_CURVES[key.curve.name][1:]) if key.curve.name in _CURVES else frozenset()
    return frozenset({"EdDSA"}) if isinstance(key, Ed25519PublicKey) else frozenset()


def find_libtrust_id(key: PublicKey) -> str:
    """As docker/distribution 2.8 names keys: ``ABCD:EFGH:...``, twelve groups."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    letters = b32encode(hashlib.sha256(der).digest()[:30]).decode()
    return ":".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def find_thumbprint(key: PublicKey) -> str:
    """As docker/distribution 3 names keys: RFC 7638."""
    found = hash_jwk(describe_jwk(key))
    assert found is not None  # noqa: S101 - of our own making
    return found


def describe_jwk(key: PublicKey) -> dict[str, str]:
    """The public members that a JWK must have (RFC 7518, 6; RFC 8037)."""
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _encode(numbers.n), "e": _encode(numbers.e)}
    if isinstance(key, EllipticCurvePublicKey):
        point, length = key.public_numbers(), (key.curve.key_size + 7) // 8
        name = _CURVES[key.curve.name][0]
        return {"kty": "EC", "crv": name, "x": _encode(point.x, length), "y": _encode(point.y, length)}
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": encode_base64(raw)}


def hash_jwk(jwk: Mapping[str, object]) -> str | None:
    """The thumbprint of a JWK from anywhere; None where it lacks what it must have."""
    kind = jwk.get("kty")
    members = _REQUIRED.get(kind) if isinstance(kind, str) else None
    if members is None or not all(isinstance(jwk.get(member), str) for member in members):
        return None
    canonical = json.dumps({member: jwk[member] for member in members}, separators=(",", ":"), sort_keys=True)
    return encode_base64(hashlib.sha256(canonical.encode()).digest())


def encode_base64(data: bytes) -> str:
    """base64url without padding, as JOSE writes it."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _encode(number: int, length: int | None = None) -> str:
    return encode_base64(number.to_bytes(length or (number.bit_length() + 7) // 8, "big"))
