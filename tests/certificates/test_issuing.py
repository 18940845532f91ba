# SPDX-License-Identifier: Apache-2.0
"""A private authority: made once, and what it issues is what openssl and clients take."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from entrepot.certificates.examining import Unservable, check_servable, list_weaknesses, read_pair
from entrepot.certificates.issuing import find_authority, is_ours, issue_certificate, make_authority, sign_request
from entrepot.certificates.names import list_names, parse_name, split_port
from support import programs
from support.certificates import issue

NAMES = ("registry.example.com", "registry", "*.apps.example.com", "10.0.0.1", "fd00::1")


def mode(path: Path) -> int:
    """Who may read it."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_certificate(tmp_path: Path) -> None:
    """EC P-256, every name and address as subject alternative name, at most 397 days, nothing to find fault with."""
    authority = make_authority(tmp_path)
    certificate, key = tmp_path / "deep" / "a.crt", tmp_path / "keys" / "a.key"
    made = issue_certificate(authority, NAMES, certificate, key)
    assert list_names(made) == NAMES
    public = made.public_key()
    assert isinstance(public, EllipticCurvePublicKey)
    assert public.curve.name == "secp256r1"
    life = made.not_valid_after_utc - made.not_valid_before_utc
    assert timedelta(days=396) < life <= timedelta(days=397)
    pair = read_pair(certificate, key)
    for host in ("registry", "10.0.0.1", "fd00::1", "x.apps.example.com"):
        assert list_weaknesses(pair, check_servable(pair), datetime.now(UTC), host) == []
    assert (mode(key), mode(certificate)) == (0o600, 0o644)
    programs.run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", authority.path, certificate])


def test_the_authority_is_made_once(tmp_path: Path) -> None:
    """The second time it is the same; its key is its owner's alone; it lasts ten years and signs certificates only."""
    first, second = make_authority(tmp_path), make_authority(tmp_path)
    assert first.pem == second.pem == first.path.read_bytes()
    assert mode(tmp_path / "ca.key") == 0o600
    constraints = first.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert first.certificate.not_valid_after_utc - datetime.now(UTC) > timedelta(days=3600)
    assert make_authority(tmp_path / "other").certificate.subject != first.certificate.subject


def test_half_an_authority(tmp_path: Path) -> None:
    """A certificate without its key, a foreign one, and a damaged key are refused and left as they are."""
    authority = make_authority(tmp_path / "a")
    key = tmp_path / "a" / "ca.key"
    kept = key.read_bytes()
    key.write_text("nonsense")
    with pytest.raises(Unservable, match="damaged"):
        make_authority(tmp_path / "a")
    key.write_bytes((make_authority(tmp_path / "b").directory / "ca.key").read_bytes())
    with pytest.raises(Unservable, match="is not the key of"):
        make_authority(tmp_path / "a")
    key.unlink()
    with pytest.raises(Unservable, match="without its key"):
        make_authority(tmp_path / "a")
    assert authority.path.read_bytes() == authority.pem
    key.write_bytes(kept)
    assert make_authority(tmp_path / "a").pem == authority.pem
    assert find_authority(tmp_path) is None


def test_a_request(tmp_path: Path) -> None:
    """Names and key are the request's; without names the common name counts; nothing else of it does."""
    authority = make_authority(tmp_path)
    request = tmp_path / "csr"
    new: list[str | Path] = [
        "openssl",
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        tmp_path / "key",
        "-out",
        request,
    ]
    programs.run([*new, "-subj", "/CN=hub", "-addext", "subjectAltName=DNS:hub.example.com,IP:10.0.0.9"])
    signed = tmp_path / "signed.crt"
    signed.write_bytes(sign_request(authority, request.read_bytes()))
    made = check_servable(read_pair(signed, tmp_path / "key"))[0]
    assert list_names(made) == ("hub.example.com", "10.0.0.9")
    programs.run([*new, "-subj", "/CN=hub", "-addext", "basicConstraints=critical,CA:TRUE"])
    [made, _] = x509.load_pem_x509_certificates(sign_request(authority, request.read_bytes()))
    assert list_names(made) == ("hub",)
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize(("subject", "words"), [("/O=Nobody", "names no host"), ("/CN=two words", "no host")])
def test_a_request_without_names(tmp_path: Path, subject: str, words: str) -> None:
    """It is refused with how to add one."""
    new: list[str | Path] = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key"]
    request = programs.run([*new, "-subj", subject]).encode()
    with pytest.raises(ValueError, match=words):
        sign_request(make_authority(tmp_path), request)


def test_no_request(tmp_path: Path) -> None:
    """What is no signing request, or a changed one, is refused."""
    authority = make_authority(tmp_path)
    for content in (b"", b"hello", authority.pem):
        with pytest.raises(ValueError, match="no signing request"):
            sign_request(authority, content)


def test_whose_it_is(tmp_path: Path) -> None:
    """What our authority issued may be replaced; others' certificates, and what is none, may not."""
    ours, others = issue(tmp_path / "ours"), issue(tmp_path / "others")
    authority = find_authority(tmp_path / "ours")
    assert is_ours(ours.certificate, authority)
    assert not is_ours(others.certificate, authority)
    assert not is_ours(ours.key, authority)
    assert not is_ours(tmp_path / "none", authority)
    assert not is_ours(ours.certificate, None)


@pytest.mark.parametrize(
    "text", ["registry", "a_b", "R.Example.com", "10.0.0.1", "[::1]", "::1", "*.x.y", "bücher.example"]
)
def test_hosts(text: str) -> None:
    """Names without a dot, with underscores, addresses, stars and other letters are hosts."""
    assert isinstance(parse_name(text), x509.DNSName | x509.IPAddress)


@pytest.mark.parametrize(
    "text",
    ["", " ", "a b", "a/b", "-a", "a..b", "https://a", "a:5000", "*", "a.*.b", "x" * 64, "a." * 130, "[::1", "ä" * 64],
)
def test_no_hosts(text: str) -> None:
    """What no certificate can be for is refused."""
    with pytest.raises(ValueError, match="is no host"):
        parse_name(text)


def test_ports() -> None:
    """A port behind the name is told apart; an IPv6 address is none."""
    assert split_port("registry:5000") == ("registry", 5000)
    assert split_port("[::1]:5000") == ("[::1]", 5000)
    assert split_port("::1") == ("::1", None)
    assert split_port("registry") == ("registry", None)
    with pytest.raises(ValueError, match="from 1 to 65535"):
        split_port("registry:70000")
