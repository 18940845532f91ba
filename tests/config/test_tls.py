# SPDX-License-Identifier: Apache-2.0
"""`http.tls`: what is served, what is warned about, what stops the start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from entrepot.web.settings import TlsSettings

if TYPE_CHECKING:
    from config.conftest import Setting, Start, Stop

PAIR = "certificate: /c.crt, key: /c.key"
OURS = TlsSettings(Path("/c.crt"), Path("/c.key"))


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        (f"{{{PAIR}}}", OURS),
        (f"{{{PAIR}, minimumtls: tls1.3}}", TlsSettings(Path("/c.crt"), Path("/c.key"), minimum="tls1.3")),
        (f"{{{PAIR}, minimumtls: ''}}", OURS),
        (f"{{{PAIR}, clientauth: '', ciphersuites: []}}", OURS),
        (f"{{{PAIR}, letsencrypt: {{email: '', hosts: []}}}}", OURS),
        (
            f"{{{PAIR}, clientcas: [/a, /b], clientauth: require-and-verify-client-cert}}",
            TlsSettings(Path("/c.crt"), Path("/c.key"), (Path("/a"), Path("/b"))),
        ),
        ("{}", None),
        ("null", None),
        ("{certificate: '', key: '', clientcas: [], letsencrypt: {cachefile: ''}}", None),
    ],
)
def test_what_is_served(start: Start, setting: Setting, tls: str, expected: TlsSettings | None) -> None:
    """Files, minimum and clients' authorities arrive; an empty section asks for nothing."""
    loaded = start(setting("http.tls", tls))
    assert loaded.settings.http.tls == expected
    assert loaded.settings.http.scheme == ("http" if expected is None else "https")
    assert loaded.warnings == ()


def test_variables(start: Start) -> None:
    """The two variables that people set for the image of registry:2 are enough."""
    environ = {"REGISTRY_HTTP_TLS_CERTIFICATE": "/c.crt", "REGISTRY_HTTP_TLS_KEY": "/c.key"}
    assert start(None, environ).settings.http.tls == OURS


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("minimumtls: tls1.0", "TLS 1.2 is the least"),
        ("minimumtls: TLS1.1", "TLS 1.2 is the least"),
        ("ciphersuites: [TLS_RSA_WITH_AES_128_CBC_SHA]", "ignored"),
        ("ciphersuites: [SOMETHING]", "ignored"),
    ],
)
def test_what_the_server_cannot_do(start: Start, setting: Setting, more: str, words: str) -> None:
    """Old versions and lists of ciphers start with a warning, on TLS 1.2."""
    loaded = start(setting("http.tls", f"{{{PAIR}, {more}}}"))
    assert loaded.settings.http.tls == OURS
    [warning] = loaded.warnings
    assert words in warning
    assert f"http.tls.{more.partition(':')[0]}" in warning


@pytest.mark.parametrize(
    ("tls", "key", "allowed"),
    [
        ("{certificate: /c.crt}", "http.tls.key", "the key of the certificate"),
        ("{key: /c.key}", "http.tls.certificate", "with its key"),
        ("{minimumtls: tls1.3}", "http.tls.certificate", "with its key"),
        ("{clientcas: [/a]}", "http.tls.certificate", "with its key"),
        (f"{{{PAIR}, minimumtls: ssl3}}", "http.tls.minimumtls", "tls1.2, tls1.3"),
        (f"{{{PAIR}, clientauth: request-client-cert, clientcas: [/a]}}", "http.tls.clientauth", "no laxer way"),
        (f"{{{PAIR}, clientauth: perhaps}}", "http.tls.clientauth", "require-any-client-cert"),
        (f"{{{PAIR}, clientauth: require-and-verify-client-cert}}", "http.tls.clientcas", "authorities of clients"),
        (f"{{{PAIR}, clientcas: /a}}", "http.tls.clientcas", "a list of paths"),
        (f"{{{PAIR}, clientcas: ['']}}", "http.tls.clientcas", "not an empty string"),
        ("{letsencrypt: {email: a@b.c}}", "http.tls.letsencrypt", "entrepot cert init"),
        (f"{{{PAIR}, letsencrypt: {{hosts: [a]}}}}", "http.tls.letsencrypt", "certbot"),
        ("[a]", "http.tls", "a map"),
    ],
)
def test_what_stops_the_start(stop: Stop, setting: Setting, tls: str, key: str, allowed: str) -> None:
    """Half a pair, a lax check of clients, and what fetches certificates by itself: one mistake, with what to do."""
    (mistake,) = stop(setting("http.tls", tls))
    assert mistake.key == key
    assert allowed in mistake.allowed
    assert mistake.line == 1


def test_no_tls_on_a_socket_file(stop: Stop) -> None:
    """TLS and `net: unix` do not go together here, and that is said."""
    tls = f"http: {{net: unix, addr: /run/x.sock, tls: {{{PAIR}}}}}"
    (mistake,) = stop(f"version: 0.1\nstorage: inmemory\n{tls}\n")
    assert mistake.key == "http.net"
    assert "socket file" in mistake.allowed


@pytest.mark.parametrize(("scheme", "warned"), [("http", True), ("HTTP", True), ("https", False)])
def test_a_host_without_tls(start: Start, scheme: str, *, warned: bool) -> None:
    """`http.host` with http:// leads every client away from TLS; that is said, and only then."""
    head = f"version: 0.1\nstorage: inmemory\nhttp: {{host: '{scheme}://hub.example.com'"
    loaded = start(f"{head}, tls: {{{PAIR}}}}}\n")
    assert [("http.host" in said, "every client is sent to http://" in said) for said in loaded.warnings] == (
        [(True, True)] if warned else []
    )
    assert start(f"{head}}}\n").warnings == ()
