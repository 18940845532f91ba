# SPDX-License-Identifier: Apache-2.0
"""The pair that tokens are signed with: made, or given as PEM in the forms that people have."""

from __future__ import annotations

import base64
import re
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from entrepot.auth.keys import SigningPair, load_pair, make_pair
from entrepot.oci.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path


def openssl(*arguments: str, cwd: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


def made() -> SigningPair:
    key, certificate = make_pair()
    return SigningPair.parse(key.encode(), certificate.encode())


def test_a_pair_that_we_make() -> None:
    """EC P-256, signed by itself, a CA, for twenty years, named after what it is for."""
    pair = made()
    (certificate,) = pair.chain
    assert pair.algorithm == "ES256"
    assert certificate.subject == certificate.issuer
    assert certificate.subject.rfc4514_string() == "CN=entrepot token service"
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    now = datetime.now(UTC)
    assert pair.holds_at(now)
    assert pair.holds_at(now + timedelta(days=19 * 365))
    assert not pair.holds_at(now + timedelta(days=21 * 365))
    certificate.verify_directly_issued_by(certificate)


def test_no_two_pairs_are_the_same() -> None:
    """Each has a key, an id and derived secrets of its own."""
    first, second = made(), made()
    assert first.kid != second.kid
    assert first.derive("uploads") != second.derive("uploads")
    assert first.derive("uploads") == first.derive("uploads")
    assert first.derive("uploads") != first.derive("others")
    assert len(first.derive("uploads")) == 32


def test_the_id_has_the_form_of_libtrust() -> None:
    """Twelve groups of four letters of base32, found again from the certificate with openssl's own words."""
    pair = made()
    assert re.fullmatch(r"([A-Z2-7]{4}:){11}[A-Z2-7]{4}", pair.kid)
    assert base64.b64decode(pair.x5c[0]) == base64.b64decode(re.sub(r"-----.*?-----", "", pair.certificate))


def test_a_known_id(tmp_path: Path) -> None:
    """The id is that of the DER form of the public key: its SHA-256, thirty bytes of it, in base32."""
    pair = made()
    (tmp_path / "cert").write_text(pair.certificate)
    script = (
        "openssl x509 -in cert -noout -pubkey | openssl pkey -pubin -outform DER"
        " | openssl dgst -sha256 -binary | head -c 30 | base32 -w0"
    )
    letters = subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert pair.kid.replace(":", "") == letters


@pytest.mark.parametrize(
    ("making", "algorithm"),
    [
        (["-newkey", "rsa:2048"], "RS256"),
        (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "ES256"),
        (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"], "ES384"),
        (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "ES512"),
        (["-newkey", "ed25519"], "EdDSA"),
    ],
    ids=["rsa", "p256", "p384", "p521", "ed25519"],
)
def test_pairs_that_openssl_makes(tmp_path: Path, making: list[str], algorithm: str) -> None:
    """The usual line makes a pair of which kind and curve say how to sign."""
    usual = ["req", "-x509", *making, "-nodes", "-subj", "/CN=auth", "-days", "9", "-keyout", "key", "-out", "cert"]
    openssl(*usual, cwd=tmp_path)
    pair = load_pair(tmp_path / "key", tmp_path / "cert")
    assert pair.algorithm == algorithm
    assert pair.certificate == (tmp_path / "cert").read_text()
    assert str(pair.key) not in repr(pair)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_the_older_form_of_keys(tmp_path: Path, kind: str) -> None:
    """``BEGIN RSA PRIVATE KEY`` and ``BEGIN EC PRIVATE KEY`` are read, too."""
    making = ["rsa:2048"] if kind == "rsa" else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    openssl(
        "req", "-x509", "-newkey", *making, "-nodes", "-subj", "/CN=a", "-keyout", "new", "-out", "cert", cwd=tmp_path
    )
    openssl(kind, "-in", "new", *(["-traditional"] if kind == "rsa" else []), "-out", "key", cwd=tmp_path)
    assert f"BEGIN {kind.upper()} PRIVATE KEY" in (tmp_path / "key").read_text()
    assert load_pair(tmp_path / "key", tmp_path / "cert").chain


def test_a_chain_comes_along(tmp_path: Path) -> None:
    """Certificates behind the first go into each token, in their order."""
    other = made()
    key, certificate = make_pair()
    (tmp_path / "key").write_text(key)
    (tmp_path / "cert").write_text(certificate + other.certificate)
    pair = load_pair(tmp_path / "key", tmp_path / "cert")
    assert [*pair.x5c[1:]] == [*other.x5c]
    assert len(pair.chain) == 2


@pytest.mark.parametrize(
    ("key", "certificate", "said"),
    [
        ("of another", "good", "not that of the key"),
        ("good", "swapped chain", "its own comes first"),
        ("encrypted", "good", "openssl pkey"),
        ("rubbish", "good", "no private key"),
        ("good", "rubbish", "certificate is no PEM file"),
        ("good", "empty", "certificate is empty"),
        ("weak", "weak", "1024 bits"),
        ("odd curve", "odd curve", "on a curve"),
        ("missing", "good", "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, key: str, certificate: str, said: str) -> None:
    """Each mistake in the two files is said in a sentence that names both keys of the configuration."""
    good_key, good = make_pair()
    texts = {"good": good_key, "of another": make_pair()[0], "rubbish": "BEGIN nothing"}
    if key in {"weak", "odd curve"}:
        making = ["rsa:1024"] if key == "weak" else ["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"]
        openssl(
            *("req", "-x509", "-newkey", *making, "-nodes", "-subj", "/CN=a", "-keyout", "key", "-out", "cert"),
            cwd=tmp_path,
        )
    elif key == "encrypted":
        (tmp_path / "plain").write_text(good_key)
        openssl("pkey", "-in", "plain", "-aes256", "-passout", "pass:word", "-out", "key", cwd=tmp_path)
    elif key != "missing":
        (tmp_path / "key").write_text(texts[key])
    certificates = {"good": good, "swapped chain": make_pair()[1] + good, "rubbish": "BEGIN nothing", "empty": ""}
    if certificate in certificates:
        (tmp_path / "cert").write_text(certificates[certificate])
    with pytest.raises(Unavailable, match=said) as raised:
        load_pair(tmp_path / "key", tmp_path / "cert")
    assert "auth.accounts.key" in str(raised.value.detail)
