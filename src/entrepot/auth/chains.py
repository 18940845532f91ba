# SPDX-License-Identifier: Apache-2.0
"""Whether a chain of certificates in a token ends in one that is trusted (RFC 5280, as far as Go's library goes).

No key is used to check a signature before it is trusted itself: chains come from anybody, and so would keys that make
checking slow.
"""

import binascii
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import MD5, SHA1

LONGEST = 8
"""Certificates of a chain at most."""

_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_UNDERSTOOD = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName)


def parse_chain(value: object) -> Sequence[x509.Certificate] | None:
    """The header ``x5c``: certificates in base64 (not url-safe) of DER, the signer's first. None: it is none."""
    if not isinstance(value, list) or not 0 < len(value) <= LONGEST:
        return None
    try:
        return [_parse(each) for each in value]
    except _UNREADABLE:
        return None


def _parse(text: object) -> x509.Certificate:
    if not isinstance(text, str):
        raise TypeError
    return x509.load_der_x509_certificate(binascii.a2b_base64(text))


def is_trusted(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether the first of ``chain`` is one of ``roots`` or is vouched for by one. ``now`` with its time zone.

    The links are found by names alone, then signatures are checked from the root down.
    """
    try:
        path = [chain[0]]
        for candidate in [*chain[1:], None]:
            if path[-1] in roots:
                return all(_is_valid(one, now) for one in path) and _descends(path)
            if any(_descends([*path, root]) for root in roots if _fits(path, root, now)):
                return True
            if candidate is None or candidate.subject != path[-1].issuer:
                return False
            path.append(candidate)
    except _UNREADABLE:
        return False
    return False


def _fits(path: Sequence[x509.Certificate], root: x509.Certificate, now: datetime) -> bool:
    return root.subject == path[-1].issuer and all(_is_valid(one, now) for one in [*path, root])


def _is_valid(one: x509.Certificate, now: datetime) -> bool:
    return one.not_valid_before_utc <= now <= one.not_valid_after_utc


def _descends(path: Sequence[x509.Certificate]) -> bool:
    """``path``: from the signer's certificate up to the trusted one, which is believed."""
    for at in range(len(path) - 1, 0, -1):
        issuer, subject = path[at], path[at - 1]
        if not _may_issue(issuer, between=at - 1) or isinstance(subject.signature_hash_algorithm, MD5 | SHA1):
            return False
        try:
            subject.verify_directly_issued_by(issuer)
        except InvalidSignature:
            return False
    return all(_is_understood(one) for one in path)


def _may_issue(one: x509.Certificate, between: int) -> bool:
    """Whether it is a CA's; ``between``: other certificates between it and the signer's."""
    try:
        constraints = one.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    try:
        signs = one.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        signs = True
    return constraints.ca and signs and (constraints.path_length is None or constraints.path_length >= between)


def _is_understood(one: x509.Certificate) -> bool:
    return all(isinstance(each.value, _UNDERSTOOD) for each in one.extensions if each.critical)
