# SPDX-License-Identifier: Apache-2.0
"""``http.tls`` to settings (compat.md 1.2, 6.5): what the server can do of it, and what it says of the rest."""

from pathlib import Path

from entrepot.config.composition import Composition
from entrepot.web.settings import TlsSettings

VERIFY = "require-and-verify-client-cert"
_KEYS = ("certificate", "key", "clientcas", "clientauth", "minimumtls", "ciphersuites")


def find_tls(composition: Composition) -> TlsSettings | None:
    """None where nothing is asked for. A certificate without its key, or clients' authorities without either, is a
    mistake: nobody means to serve plain HTTP with half of it.
    """
    view = composition.view
    said = [key for key in _KEYS if (read := view.said(f"http.tls.{key}")) is not None and read.value]
    if not said:
        return None
    certificate, key = view.find("http.tls.certificate", Path), view.find("http.tls.key", Path)
    if certificate is None:
        composition.missing("http.tls.certificate", f"http.tls.{said[0]}", "the certificate, a PEM file, with its key")
    elif key is None:
        composition.missing("http.tls.key", "http.tls.certificate", "the key of the certificate, a PEM file")
    authorities = tuple(path for path in view.find("http.tls.clientcas", tuple) or () if path)
    _check_clientauth(composition, authorities)
    if view.find("http.tls.ciphersuites", tuple):
        composition.warn(
            "http.tls.ciphersuites",
            "ignored: the server offers what TLS 1.3 and 1.2 have of ECDHE with AES-GCM and ChaCha20, and no others",
        )
    if composition.view.word("http.net", ("tcp", "unix")) == "unix":
        composition.wrong("http.net", "tcp, for TLS is not spoken on a socket file; or remove http.tls")
    if (view.find("http.host", str) or "").lower().startswith("http://"):
        composition.warn(
            "http.host",
            "every client is sent to http:// there, and this server speaks only TLS; write https://",
        )
    nowhere = Path("/nonexistent")
    return TlsSettings(certificate or nowhere, key or nowhere, authorities, _minimum(composition))


def _minimum(composition: Composition) -> str:
    said = composition.view.get("http.tls.minimumtls", str)
    if said in {"tls1.0", "tls1.1"}:
        composition.warn("http.tls.minimumtls", "the server cannot speak it: TLS 1.2 is the least that is served")
        return "tls1.2"
    return said


def _check_clientauth(composition: Composition, authorities: tuple[Path, ...]) -> None:
    said = composition.view.find("http.tls.clientauth", str)
    if not said:
        return
    if said != VERIFY:
        composition.wrong("http.tls.clientauth", f"{VERIFY}, with clientcas: the server knows no laxer way")
    elif not authorities:
        composition.missing("http.tls.clientcas", "http.tls.clientauth", "PEM files of the authorities of clients")
