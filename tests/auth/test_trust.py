# SPDX-License-Identifier: Apache-2.0
"""Files of keys: what is read from them and what stops the start."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from entrepot.auth.settings import TokenSettings
from entrepot.auth.token_gate import prepare_token
from entrepot.auth.trust import read_trust
from entrepot.auth.watched import FileBroken
from entrepot.oci.errors import Unavailable
from support import forging
from support.signers import Authority

if TYPE_CHECKING:
    from pathlib import Path

SECRET = urlsafe_b64encode(b"s" * 32).decode().rstrip("=")


def test_bundle(authority: Authority, tmp_path: Path) -> None:
    """Every certificate's key has both names; other text and blocks between do not matter."""
    other = Authority("other")
    path = tmp_path / "bundle.pem"
    path.write_bytes(b"subject=CN = root\n" + authority.pem + b"\n# next\n" + other.pem)
    trust = read_trust(path, None)
    assert {forging.libtrust_id(authority.key), forging.libtrust_id(other.key)} < set(trust.keys)
    assert len(trust.keys) == 4
    assert trust.roots == [authority.certificate, other.certificate]


def test_jwks(authority: Authority, tmp_path: Path) -> None:
    """Keys by their kid and both names; private halves, keys for encryption and unknown kinds do no harm."""
    private = ec.generate_private_key(ec.SECP256R1())
    d = forging.encode(private.private_numbers().private_value.to_bytes(32, "big"))
    keys = [
        {**forging.to_jwk(authority.key), "kid": "one"},
        {**forging.to_jwk(private), "kid": "two", "d": d, "alg": "ES256"},
        {"kty": "oct", "k": SECRET, "kid": "three", "alg": "HS256"},
        {**forging.to_jwk(Authority("x").key), "kid": "encrypts", "use": "enc"},
        {"kty": "new", "kid": "unknown"},
    ]
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": keys}))
    trust = read_trust(None, path)
    assert {"one", "two", "three", forging.libtrust_id(authority.key)} < set(trust.keys)
    assert not {"encrypts", "unknown"} & set(trust.keys)
    assert isinstance(trust.keys["two"].key, ec.EllipticCurvePublicKey)
    assert trust.keys["three"].algorithms == {"HS256"}


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "[]", "{}", "null", '{"keys": 1}', '{"keys": []}', '{"keys": [1]}', '{"keys": [{"kty": "RSA"}]}',
        '{"keys": [{"kty": "oct"}]}', '{"keys": [{"kty": "oct", "k": "", "kid": "x"}]}',
        '{"keys": [{"kty": "oct", "k": "AAAA"}]}', '{"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}',
        '{"keys":' + "[" * 100_000, "\ud800",
    ],
)  # fmt: skip
def test_broken_jwks(tmp_path: Path, text: str) -> None:
    """A file without a key that can be used is named."""
    path = tmp_path / "jwks.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(FileBroken, match=r"jwks\.json"):
        read_trust(None, path)


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "{}"])
def test_broken_bundle(tmp_path: Path, text: str) -> None:
    """A file without certificates is named, and stops the start."""
    path = tmp_path / "bundle.pem"
    path.write_text(text)
    with pytest.raises(Unavailable, match=r"auth\.token: .*bundle\.pem"):
        prepare_token(TokenSettings("r", "s", "i", rootcertbundle=path))


def test_missing_and_huge(tmp_path: Path) -> None:
    """A file that is not there, or far too large, stops the start."""
    with pytest.raises(Unavailable, match="cannot be read"):
        prepare_token(TokenSettings("r", "s", "i", jwks=tmp_path / "none"))
    path = tmp_path / "huge"
    path.write_bytes(b" " * (5 << 20))
    with pytest.raises(Unavailable, match="larger"):
        prepare_token(TokenSettings("r", "s", "i", jwks=path))
