# SPDX-License-Identifier: Apache-2.0
"""Files of keys and certificates that are something else: what they are is said, and how they become what is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    pkcs12,
)

from entrepot.auth.keys import load_pair, make_pair
from entrepot.auth.trust import read_trust
from entrepot.auth.watched import FileBroken
from entrepot.oci.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY, CERTIFICATE = (text.encode() for text in make_pair())


def files() -> Mapping[str, bytes]:
    """The same pair in other forms."""
    key = load_pem_private_key(KEY, None)
    certificate = x509.load_pem_x509_certificate(CERTIFICATE)

    def contain(encryption: KeySerializationEncryption) -> bytes:
        return pkcs12.serialize_key_and_certificates(b"a", key, certificate, None, encryption)  # type: ignore[arg-type]

    return {
        "key": KEY,
        "certificate": CERTIFICATE,
        "empty": b"",
        "blank": b"\n \n",
        "key in DER": key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        "locked key in DER": key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
        "public key": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "certificate in DER": certificate.public_bytes(Encoding.DER),
        "PKCS#12": contain(NoEncryption()),
        "locked PKCS#12": contain(BestAvailableEncryption(b"x")),
        "damaged key": KEY.replace(b"MIG", b"MIGG", 1),
        "damaged certificate": CERTIFICATE.replace(b"MII", b"MIII", 1),
        "request": b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        "rubbish": b"\x30\x80rubbish",
    }


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("key", "holds a private key and no certificate"),
        ("empty", "is empty; certificates"),
        ("blank", "is empty; certificates"),
        ("key in DER", "is a private key in DER form"),
        ("locked key in DER", "is a private key in DER form"),
        ("public key", "holds a public key"),
        ("certificate in DER", "openssl x509 -inform der -in {name} -out NEW"),
        ("PKCS#12", "openssl pkcs12 -in {name} -nokeys -out NEW"),
        ("locked PKCS#12", "openssl pkcs12 -in {name} -nokeys -out NEW"),
        ("damaged certificate", "holds a certificate that is damaged"),
        ("request", "holds a request for a certificate"),
        ("rubbish", "is no PEM file of certificates"),
    ],
)
def test_no_certificates(tmp_path: Path, kind: str, said: str) -> None:
    """As a bundle and beside a key; a library's words and addresses are not passed on."""
    path, key = tmp_path / "file", tmp_path / "key"
    key.write_bytes(KEY)
    path.write_bytes(CERTIFICATE)
    assert load_pair(key, path).chain[0] in read_trust(path, None).roots
    path.write_bytes(files()[kind])
    with pytest.raises(FileBroken) as broken:
        read_trust(path, None)
    with pytest.raises(Unavailable) as stopped:
        load_pair(key, path)
    for message, name in ((str(broken.value), path), (str(stopped.value.detail), "CERT")):
        assert said.format(name=name) in message
        assert "://" not in message


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("certificate", "are the two files swapped?"),
        ("certificate in DER", "are the two files swapped?"),
        ("empty", "is empty; a private key"),
        ("key in DER", "openssl pkey -inform der -in KEY -out NEW"),
        ("locked key in DER", "openssl pkey -inform der -in KEY -out NEW"),
        ("public key", "is a public key"),
        ("PKCS#12", "openssl pkcs12 -in KEY -nocerts -nodes -out NEW"),
        ("locked PKCS#12", "openssl pkcs12 -in KEY -nocerts -nodes -out NEW"),
        ("damaged key", "is damaged"),
        ("rubbish", "is no private key in PEM form"),
    ],
)
def test_no_key(tmp_path: Path, kind: str, said: str) -> None:
    """Beside its certificate, or with both files swapped."""
    key, certificate = tmp_path / "key", tmp_path / "cert"
    key.write_bytes(files()[kind])
    for beside in (CERTIFICATE, KEY):
        certificate.write_bytes(beside)
        with pytest.raises(Unavailable) as stopped:
            load_pair(key, certificate)
        assert said in str(stopped.value.detail)
        assert "://" not in str(stopped.value.detail)
