# SPDX-License-Identifier: Apache-2.0
"""Chains of certificates are believed where each may vouch for the next, up to one that is trusted."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from entrepot.auth.chains import LONGEST, is_trusted, parse_chain
from support.signers import Authority

YEAR = timedelta(days=365)
USAGE = {
    "digital_signature": True, "content_commitment": False, "key_encipherment": False, "data_encipherment": False,
    "key_agreement": False, "key_cert_sign": False, "crl_sign": False, "encipher_only": False, "decipher_only": False,
}  # fmt: skip


def trusted(chain: list[x509.Certificate], *roots: Authority) -> bool:
    return is_trusted(chain, [root.certificate for root in roots], datetime.now(UTC))


def test_direct_and_through_others(authority: Authority) -> None:
    """A certificate of the bundle itself, one that it signed, and one further down; with or without the root."""
    middle = Authority("middle", authority)
    leaf = Authority("leaf", middle, ca=False)
    assert trusted([authority.certificate], authority)
    assert trusted(Authority("near", authority, ca=None).chain, authority)
    assert trusted(leaf.chain, authority)
    assert trusted([*leaf.chain, authority.certificate], authority)
    assert trusted(leaf.chain, middle)
    assert not trusted(leaf.chain, Authority("other"))
    assert not trusted(leaf.chain)


def test_self_signed_signer_in_the_bundle() -> None:
    """What `openssl req -x509` makes is trusted where it lies in the bundle, CA or not."""
    for ca in (True, False, None):
        own = Authority("own", ca=ca)
        assert trusted(own.chain, Authority("other"), own)


def test_two_roots_of_one_name(authority: Authority) -> None:
    """A root that was renewed with another key stands beside the old one."""
    renewed = Authority("root")
    leaf = Authority("leaf", renewed, ca=False)
    assert trusted(leaf.chain, authority, renewed)
    assert not trusted(leaf.chain, authority)


def test_gaps_and_disorder(authority: Authority) -> None:
    """Each certificate is vouched for by the next."""
    middle = Authority("middle", authority)
    leaf = Authority("leaf", middle, ca=False)
    assert not trusted([leaf.certificate], authority)
    assert not trusted([leaf.certificate, Authority("middle", authority).certificate], authority)
    assert not trusted([leaf.certificate, authority.certificate, middle.certificate], authority)
    assert not trusted([Authority("leaf").certificate, middle.certificate], authority)


@pytest.mark.parametrize("where", ["leaf", "middle", "root"])
@pytest.mark.parametrize(("begins", "ends"), [(-YEAR, -timedelta(days=1)), (timedelta(days=1), YEAR)])
def test_times(where: str, begins: timedelta, ends: timedelta) -> None:
    """All of a chain must hold now."""

    def make(name: str, above: Authority | None, *, ca: bool = True, odd: bool) -> Authority:
        if odd and name == where:
            return Authority(name, above, ca=ca, begins=begins, ends=ends)
        return Authority(name, above, ca=ca)

    for odd in (False, True):
        root = make("root", None, odd=odd)
        leaf = make("leaf", make("middle", root, odd=odd), ca=False, odd=odd)
        assert trusted(leaf.chain, root) is not odd


def test_who_may_vouch(authority: Authority) -> None:
    """A certificate that is no CA's vouches for nothing, neither does one whose key is not for that."""
    for name, middle in {
        "no CA": Authority("middle", authority, ca=False),
        "says nothing": Authority("middle", authority, ca=None),
        "usage": Authority("middle", authority, extensions=[x509.KeyUsage(**USAGE)]),
    }.items():
        assert not trusted(Authority("leaf", middle, ca=False).chain, authority), name
    may = Authority("middle", authority, extensions=[x509.KeyUsage(**{**USAGE, "key_cert_sign": True})])
    assert trusted(Authority("leaf", may, ca=False).chain, authority)
    for ca in (False, None):
        root = Authority("no CA", ca=ca)
        assert not trusted(Authority("leaf", root, ca=False).chain, root)


def test_path_length() -> None:
    """How many certificates may stand between."""
    for length, good in ((0, False), (1, True)):
        root = Authority("root", length=length)
        leaf = Authority("leaf", Authority("middle", root), ca=False)
        assert trusted(leaf.chain, root) is good
        assert trusted(Authority("leaf", root, ca=False).chain, root)


def test_critical_extensions_that_nobody_knows(authority: Authority) -> None:
    """What is critical and not understood is refused (RFC 5280, 4.2)."""
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert not trusted(Authority("leaf", authority, ca=False, extensions=[unknown]).chain, authority)
    constraints = x509.NameConstraints([x509.DNSName("example.com")], None)
    middle = Authority("middle", authority, extensions=[constraints])
    assert not trusted(Authority("leaf", middle, ca=False).chain, authority)


def test_parse_chain(authority: Authority) -> None:
    """Base64 of DER in a list that is not too long; anything else is none."""
    text = b64encode(authority.certificate.public_bytes(Encoding.DER)).decode()
    assert parse_chain([text]) == [authority.certificate]
    for bad in (
        None,
        "",
        text,
        [],
        [text] * (LONGEST + 1),
        [1],
        [None],
        [""],
        ["é"],
        [text[:99]],
        {"0": text},
        [[text]],
    ):
        assert parse_chain(bad) is None
