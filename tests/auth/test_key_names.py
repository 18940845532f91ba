# SPDX-License-Identifier: Apache-2.0
"""Names of keys, as both versions of docker/distribution write them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from entrepot.auth.key_names import (
    PublicKey,
    describe_jwk,
    find_algorithms,
    find_libtrust_id,
    find_thumbprint,
    hash_jwk,
)
from support import forging


def test_thumbprint_of_the_rfc() -> None:
    """RFC 7638, 3.1."""
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    jwk = {"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert hash_jwk(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)])
def test_as_others_write_them(key: forging.SigningKey) -> None:
    """The same names as by a second hand."""
    public = key.public_key()
    assert find_libtrust_id(public) == forging.libtrust_id(key)
    assert describe_jwk(public) == forging.to_jwk(key)
    assert find_thumbprint(public) == hash_jwk(forging.to_jwk(key))


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (rsa.generate_private_key(65537, 2048).public_key(), {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (ec.generate_private_key(ec.SECP256R1()).public_key(), {"ES256"}),
        (ec.generate_private_key(ec.SECP384R1()).public_key(), {"ES384"}),
        (ec.generate_private_key(ec.SECP521R1()).public_key(), {"ES512"}),
        (ec.generate_private_key(ec.SECP256K1()).public_key(), set()),
        (ed25519.Ed25519PrivateKey.generate().public_key(), {"EdDSA"}),
        (dsa.generate_private_key(2048).public_key(), set()),
        (b"secret", {"HS256", "HS384", "HS512"}),
    ],
)
def test_algorithms(key: object, algorithms: set[str]) -> None:
    """A key is for signatures of its own kind and size, and no public key is for HMAC."""
    assert find_algorithms(key) == algorithms


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP521R1()).public_key(),
        ed25519.Ed25519PrivateKey.generate().public_key(),
    ],
)
def test_other_kinds_have_names(key: PublicKey) -> None:
    """Coordinates have the length of the curve; Ed25519 has names, too."""
    assert len(find_thumbprint(key)) == 43
    assert len(find_libtrust_id(key)) == 59
    if isinstance(key, ec.EllipticCurvePublicKey):
        assert len(describe_jwk(key)["x"]) == len(describe_jwk(key)["y"]) == 88


@pytest.mark.parametrize("jwk", [{}, {"kty": 1}, {"kty": []}, {"kty": "oct", "k": "x"}, {"kty": "RSA", "n": "x"}])
def test_no_names(jwk: dict[str, object]) -> None:
    """What is no public key has no name."""
    assert hash_jwk(jwk) is None
