# SPDX-License-Identifier: Apache-2.0
"""Tokens written by hand, octet by octet (RFC 7515, RFC 7519), so that a hostile one can say what no library writes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cryptography import x509

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

ABSENT = object()
"""As the value of a claim or header: leave it out."""

_COORDINATE = 32


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def public_der(key: SigningKey) -> bytes:
    """SubjectPublicKeyInfo."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, form)


def public_pem(key: SigningKey) -> bytes:
    """The same as text."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form)


def libtrust_id(key: SigningKey) -> str:
    """The id of a key as registry:2 knows it (compat.md 4.3)."""
    text = base64.b32encode(hashlib.sha256(public_der(key)).digest()[:30]).decode()
    return ":".join(text[at : at + 4] for at in range(0, 48, 4))


def sign_raw(key: SigningKey, message: bytes) -> bytes:
    """ES256 as two numbers side by side, or RS256."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")


def sign_hmac(secret: bytes, message: bytes, name: str = "sha256") -> bytes:
    """HS256 and its like."""
    return hmac.new(secret, message, name).digest()


def write(header: object, claims: object, sign: Callable[[bytes], bytes]) -> str:
    """A token of whatever header and claims, signed by ``sign``; bytes stand as they are."""
    message = f"{_part(header)}.{_part(claims)}"
    return f"{message}.{encode(sign(message.encode()))}"


def _part(value: object) -> str:
    return encode(value if isinstance(value, bytes) else json.dumps(value).encode())


@dataclass(frozen=True)
class Forge:
    """Writes good tokens of an issuer, and with ``claims`` or ``header`` changed others. ``extra``: claims that this
    issuer's tokens need besides.
    """

    key: SigningKey
    issuer: str
    service: str
    chain: Sequence[x509.Certificate] = ()
    subject: str = "alice"
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def algorithm(self) -> str:
        """Of the key."""
        return "RS256" if isinstance(self.key, rsa.RSAPrivateKey) else "ES256"

    def header(self, **changes: object) -> dict[str, object]:
        """With the key's id."""
        return _changed({"typ": "JWT", "alg": self.algorithm, "kid": libtrust_id(self.key)}, changes)

    def claims(self, access: object = (), **changes: object) -> dict[str, object]:
        """Good for five minutes."""
        now = int(time.time())
        good: dict[str, object] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.service,
            "exp": now + 300,
            "nbf": now - 10,
            "iat": now,
            "jti": f"{time.time_ns():x}",
            "access": list(access) if isinstance(access, (list, tuple)) else access,
            **self.extra,
        }
        return _changed(good, changes)

    def token(
        self,
        access: object = (),
        *,
        header: Mapping[str, object] | None = None,
        sign: Callable[[bytes], bytes] | None = None,
        **claims: object,
    ) -> str:
        """A token; good unless something is changed."""
        signing = sign or (lambda message: sign_raw(self.key, message))
        return write(self.header(**(header or {})), self.claims(access, **claims), signing)

    def x5c(self, chain: Sequence[x509.Certificate] | None = None) -> list[str]:
        """The chain as it stands in a header."""
        der = serialization.Encoding.DER
        return [base64.b64encode(one.public_bytes(der)).decode() for one in (self.chain if chain is None else chain)]


def to_jwk(key: SigningKey) -> dict[str, Any]:
    """The public key as RFC 7517 writes it."""
    numbers = key.public_key().public_numbers()
    if isinstance(numbers, ec.EllipticCurvePublicNumbers):
        x, y = (encode(number.to_bytes(_COORDINATE, "big")) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    size = (key.key_size + 7) // 8
    return {"kty": "RSA", "n": encode(numbers.n.to_bytes(size, "big")), "e": encode(numbers.e.to_bytes(3, "big"))}


def _changed(good: dict[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in {**good, **changes}.items() if value is not ABSENT}
