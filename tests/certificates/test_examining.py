# SPDX-License-Identifier: Apache-2.0
"""Pairs as openssl makes them: what cannot be served is refused by name, what clients refuse is told with its mend."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from entrepot.certificates.examining import (
    Unservable,
    check_servable,
    find_anchor,
    list_weaknesses,
    read_pair,
)
from entrepot.certificates.issuing import make_authority
from support import programs
from support.certificates import PairFiles, issue, self_sign

QUICK = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365")
NAMED = ("-subj", "/CN=registry", "-addext", "subjectAltName=DNS:registry,DNS:*.example.com,IP:10.0.0.1,IP:::1")


def weaknesses(files: PairFiles, host: str | None = None, *, days: float = 1) -> list[str]:
    """What is found so many days from now."""
    pair = read_pair(files.certificate, files.key)
    return list_weaknesses(pair, check_servable(pair), datetime.now(UTC) + timedelta(days=days), host)


def refusal(certificate: Path, key: Path) -> str:
    """Why the pair cannot be served."""
    with pytest.raises(Unservable) as caught:
        check_servable(read_pair(certificate, key))
    return str(caught.value)


def test_the_usual_recipe(tmp_path: Path) -> None:
    """`openssl req -x509 -newkey rsa:4096 -subj /CN=...` can be served, and is named with the command that mends it."""
    files = self_sign(tmp_path, "-subj", "/CN=registry.example.com")
    [found] = weaknesses(files)
    assert "has no subject alternative name" in found
    assert found.endswith("entrepot cert init --force registry.example.com")
    [found] = weaknesses(files, "hub.example.com")
    assert found.endswith("entrepot cert init --force hub.example.com registry.example.com")


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("registry", True),
        ("REGISTRY.", True),
        ("10.0.0.1", True),
        ("::1", True),
        ("hub.example.com", True),
        ("a.hub.example.com", False),
        ("example.com", False),
        ("registry2", False),
        ("10.0.0.2", False),
    ],
)
def test_names(tmp_path: Path, host: str, *, covered: bool) -> None:
    """A host that the certificate does not cover is told, one that it covers is not; a star is one part."""
    found = weaknesses(self_sign(tmp_path, *NAMED, recipe=QUICK), host)
    assert (found == []) is covered
    assert covered or f"and not for {host} (http.host)" in found[0]


@pytest.mark.parametrize(
    ("days", "words"), [(-2, "is not valid before"), (360, "expires on"), (366, "expired on"), (100, "")]
)
def test_times(tmp_path: Path, days: float, words: str) -> None:
    """Too early, soon over and over are told; else nothing."""
    found = weaknesses(self_sign(tmp_path, *NAMED, recipe=QUICK), days=days)
    assert [words in sentence and "entrepot cert" in sentence for sentence in found] == ([True] if words else [])


def test_a_key_that_others_read(tmp_path: Path) -> None:
    """A key that everybody can read is told with the command; the group of a service may read it."""
    files = issue(tmp_path)
    for mode, told in ((0o600, False), (0o640, False), (0o644, True), (0o660, True)):
        files.key.chmod(mode)
        found = weaknesses(files)
        assert any("chmod 0600" in sentence for sentence in found) is told, oct(mode)


def test_sha1(tmp_path: Path) -> None:
    """A signature that clients refuse is told."""
    [found] = weaknesses(self_sign(tmp_path, "-sha1", *NAMED, recipe=QUICK))
    assert "signed with sha1" in found


KEYS = [
    (("genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:1024"), "RSA of 1024 bits"),
    (("ecparam", "-genkey", "-noout", "-name", "secp521r1"), "the curve secp521r1"),
    (("genpkey", "-algorithm", "ed448"), "of an unusual kind"),
]


@pytest.mark.parametrize(("make", "words"), KEYS, ids=[words for _, words in KEYS])
def test_keys_that_the_server_cannot_use(tmp_path: Path, make: tuple[str, ...], words: str) -> None:
    """They are refused by their kind, with what is taken."""
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    programs.run(["openssl", *make, "-out", key])
    programs.run(["openssl", "req", "-x509", "-new", "-key", key, "-out", certificate, *NAMED])
    said = refusal(certificate, key)
    assert words in said
    assert "RSA of 2048 to 4096 bits, P-256, P-384 and Ed25519" in said


@pytest.mark.parametrize(
    "make",
    [
        ("genpkey", "-algorithm", "ed25519"),
        ("ecparam", "-genkey", "-name", "secp384r1"),  # with the block of parameters before it
        ("genrsa", "-traditional", "2048"),
    ],
)
def test_keys_that_it_can_use(tmp_path: Path, make: tuple[str, ...]) -> None:
    """Each form in which openssl writes a key is read."""
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    key.write_text(programs.run(["openssl", *make]))
    programs.run(["openssl", "req", "-x509", "-new", "-key", key, "-out", certificate, *NAMED])
    assert len(check_servable(read_pair(certificate, key))) == 1


def test_another_key(tmp_path: Path) -> None:
    """A key of another certificate is refused, with both files."""
    one, other = issue(tmp_path / "one"), issue(tmp_path / "other")
    said = refusal(one.certificate, other.key)
    assert "is not that of the certificate" in said
    assert str(one.certificate) in said
    assert str(other.key) in said


def test_wrong_order(tmp_path: Path) -> None:
    """A chain that begins with the authority is refused; behind the leaf, a stranger is told."""
    files = issue(tmp_path)
    leaf, authority = files.certificate.read_text().split("-----END CERTIFICATE-----\n")[:2]
    end = "-----END CERTIFICATE-----\n"
    files.certificate.write_text(authority + end + leaf + end)
    assert "in the wrong order" in refusal(files.certificate, files.key)
    stranger = issue(tmp_path / "stranger").ca.read_text()
    files.certificate.write_text(leaf + end + stranger)
    [found] = weaknesses(files)
    assert "did not issue it" in found


def test_a_passphrase(tmp_path: Path) -> None:
    """An encrypted key is refused with the command that opens it."""
    files = issue(tmp_path)
    locked = tmp_path / "locked"
    programs.run(["openssl", "pkey", "-in", files.key, "-aes256", "-passout", "pass:hunter2", "-out", locked])
    assert "openssl pkey -in" in refusal(files.certificate, locked)


def test_version_1(tmp_path: Path) -> None:
    """What `openssl x509 -req` makes without extensions is refused: the server's TLS does not take it."""
    files, request, old = issue(tmp_path), tmp_path / "csr", tmp_path / "v1.crt"
    programs.run(["openssl", "req", "-new", "-key", files.key, "-subj", "/CN=registry", "-out", request])
    programs.run(["openssl", "x509", "-req", "-in", request, "-signkey", files.key, "-out", old])
    assert "version 1" in refusal(old, files.key)


@pytest.mark.parametrize("content", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_no_pem(tmp_path: Path, content: str) -> None:
    """A file that holds no certificate or no key is named."""
    files, other = issue(tmp_path), tmp_path / "other"
    other.write_text(content)
    assert f"{other} holds no certificate" in refusal(other, files.key)
    assert f"{other} holds no key" in refusal(files.certificate, other)


def test_unreadable(tmp_path: Path) -> None:
    """A file that is not there, a directory, and a huge file are named with the reason."""
    files = issue(tmp_path)
    huge = tmp_path / "huge"
    huge.write_bytes(b"x" * (1024 * 1024 + 1))
    for path, reason in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory"), (huge, "larger than")):
        with pytest.raises(Unservable, match=reason):
            read_pair(path, files.key)
        with pytest.raises(Unservable, match=reason):
            read_pair(files.certificate, path)


def test_what_to_trust(tmp_path: Path) -> None:
    """The authority beside the certificate, else one at the end of the chain, else a certificate that signed itself;
    nothing where another signed it.
    """
    files = issue(tmp_path / "a")
    authority = make_authority(tmp_path / "a").certificate

    def anchor(files: PairFiles) -> object:
        pair = read_pair(files.certificate, files.key)
        return find_anchor(pair, check_servable(pair))

    assert anchor(files) == authority
    files.ca.unlink()
    assert anchor(files) == authority
    issue(tmp_path / "b").ca.rename(tmp_path / "a" / "ca.crt")
    assert anchor(files) == authority
    leaf, _, _ = files.certificate.read_text().partition("-----END CERTIFICATE-----\n")
    files.certificate.write_text(f"{leaf}-----END CERTIFICATE-----\n")
    assert anchor(files) is None
    alone = self_sign(tmp_path / "c", *NAMED, recipe=QUICK)
    assert anchor(alone) == check_servable(read_pair(alone.certificate, alone.key))[0]


def test_the_command_that_mends(tmp_path: Path) -> None:
    """It names configuration and --force, quoted for a shell; to renew only where the authority's key is beside it."""
    config = tmp_path / "a config.yml"

    def said(files: PairFiles, host: str | None = None, *, days: float = 1) -> str:
        pair = read_pair(files.certificate, files.key, config)
        [found] = list_weaknesses(pair, check_servable(pair), datetime.now(UTC) + timedelta(days=days), host)
        return found

    foreign = self_sign(tmp_path / "foreign", *NAMED, recipe=QUICK)
    whole = f"entrepot cert init --force --config '{config}' registry '*.example.com' 10.0.0.1 ::1"
    for days in (360, 366):
        assert said(foreign, days=days).endswith(whole)
        assert "cert renew" not in said(foreign, days=days)
    ours = issue(tmp_path / "ours", "registry")
    for days in (390, 400):
        assert said(ours, days=days).endswith(f"; entrepot cert renew --config '{config}'")
    assert said(ours, "hub").endswith(f"entrepot cert init --config '{config}' hub registry")
    (tmp_path / "ours" / "ca.key").unlink()
    assert said(ours, days=400).endswith(f"entrepot cert init --force --config '{config}' registry")
    assert "cert renew" not in said(ours, days=400)
