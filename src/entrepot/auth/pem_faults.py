# SPDX-License-Identifier: Apache-2.0
"""What a file is that should be PEM of certificates or of a key and is not, with the command that makes it so."""

from collections.abc import Callable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key

_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_PKCS7_DATA = bytes.fromhex("2a864886f70d0107")
"""How the object identifiers of a container's contents begin (RFC 2315, 14)."""


def explain_certificates(content: bytes, name: str) -> str:
    """What ``content`` is instead of certificates, to go on after the name of the file. ``name``: of it in commands."""
    if not content.strip():
        return f"is empty; certificates in PEM form are wanted ({_CERTIFICATE.decode()})"
    if _CERTIFICATE in content:
        return "holds a certificate that is damaged; copy it anew, from BEGIN to END"
    if b"PRIVATE KEY-----" in content:
        return "holds a private key and no certificate; name the file of its certificate, and keep the key to yourself"
    if b"-----BEGIN PUBLIC KEY-----" in content:
        return "holds a public key and no certificate; name the file of its certificate"
    if b"CERTIFICATE REQUEST-----" in content:
        return "holds a request for a certificate; name the certificate that was made from it"
    if _is_container(content):
        return f"is a PKCS#12 container; take the certificates out: openssl pkcs12 -in {name} -nokeys -out NEW"
    if _can(x509.load_der_x509_certificate, content):
        return f"is a certificate in DER form; make PEM of it: openssl x509 -inform der -in {name} -out NEW"
    if _is_der_key(content):
        return "is a private key in DER form and no certificate; name the file of its certificate"
    return f"is no PEM file of certificates ({_CERTIFICATE.decode()})"


def explain_key(content: bytes, name: str) -> str:
    """The same for a private key."""
    if not content.strip():
        return "is empty; a private key in PEM form is wanted (-----BEGIN PRIVATE KEY-----)"
    if b"PRIVATE KEY-----" in content:
        return "is damaged or of an unknown kind; copy it anew, from BEGIN to END"
    if _CERTIFICATE in content or _can(x509.load_der_x509_certificate, content):
        return "is a certificate and no private key; are the two files swapped?"
    if b"-----BEGIN PUBLIC KEY-----" in content:
        return "is a public key, and tokens are signed with the private one"
    if _is_container(content):
        return f"is a PKCS#12 container; take the key out: openssl pkcs12 -in {name} -nocerts -nodes -out NEW"
    if _is_der_key(content):
        return f"is in DER form; make PEM of it: openssl pkey -inform der -in {name} -out NEW"
    return "is no private key in PEM form (-----BEGIN PRIVATE KEY-----)"


def _is_container(content: bytes) -> bool:
    """PFX of version 3 (RFC 7292, 4), whatever password it has."""
    return content[:1] == b"\x30" and b"\x02\x01\x03\x30" in content[:12] and _PKCS7_DATA in content[:48]


def _is_der_key(content: bytes) -> bool:
    return _can(lambda data: load_der_private_key(data, None), content)


def _can(load: Callable[[bytes], object], content: bytes) -> bool:
    """Whether it is what is loaded; one that wants a password is, too."""
    try:
        load(content)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
