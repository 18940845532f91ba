# SPDX-License-Identifier: Apache-2.0
"""The certificate that a server serves: verified before use, kept in memory, and replaced when its files change.

Workers never read the files themselves: one that dies while they are half written starts again on what was verified.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from entrepot.processes.children import Child, run_apart
from entrepot.processes.memory_files import MemoryFile
from entrepot.processes.watching import FileWatch
from entrepot.telemetry.logs import Logger
from entrepot.web.settings import HttpSettings, TlsSettings

VERIFYING = 10.0
"""Seconds that reading and verifying may take: files can lie on a disk that hangs."""


@dataclass(frozen=True, slots=True)
class Served:
    """What one generation of workers serves: copies of the files, and what was found in them."""

    settings: TlsSettings
    certificate: MemoryFile = field(default_factory=partial(MemoryFile, "certificate"))
    key: MemoryFile = field(default_factory=partial(MemoryFile, "key"))
    authorities: MemoryFile = field(default_factory=partial(MemoryFile, "clientcas"))
    anchor: MemoryFile = field(default_factory=partial(MemoryFile, "anchor"))
    report: MemoryFile = field(default_factory=partial(MemoryFile, "report"))

    @property
    def tls(self) -> TlsSettings:
        """The settings with the copies in place of the files."""
        authorities = (self.authorities.path,) if self.settings.clientcas else ()
        return replace(self.settings, certificate=self.certificate.path, key=self.key.path, clientcas=authorities)


class CertificateRefused(Exception):
    """The certificate cannot be served; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What can be served; ``names``: what clients may call it by, ``warnings``: what they will not like."""

    served: Served
    names: tuple[str, ...]
    warnings: tuple[str, ...]


def verify(http: HttpSettings, tls: TlsSettings, config: Path | None = None) -> Verified:
    """What ``tls`` names now; ``config``: the file that says so, for commands in warnings.

    Raises ``CertificateRefused``. Works in a fork: this process stays free of threads, and of files that hang.
    """
    served = Served(tls)
    host = urlsplit(http.host).hostname if http.host else None
    if not run_apart(partial(_verify, served, host, config), VERIFYING):
        raise CertificateRefused(f"{tls.certificate} and {tls.key} could not be verified within {VERIFYING:.0f} s")
    report = json.loads(served.report.read())
    if report["fault"]:
        raise CertificateRefused(report["fault"])
    return Verified(served, tuple(report["names"]), tuple(report["warnings"]))


class CertificateRenewal:
    """Looks for a changed certificate, for the supervisor; ``hire`` makes the workers that serve it, ``verify`` says
    what ``tls`` names now.
    """

    def __init__(
        self,
        tls: TlsSettings,
        verify: Callable[[], Verified],
        hire: Callable[[Served], Sequence[Child]],
        log: Logger,
    ) -> None:
        self._tls = tls
        self._verify = verify
        self._hire = hire
        self._log = log
        self._watch = FileWatch(tls.files)

    def serve_first(self) -> tuple[Sequence[Child], tuple[str, ...]]:
        """The first workers, and the names of what they serve. Raises ``CertificateRefused``."""
        verified = self._verify()
        self._warn(verified.warnings)
        return self._hire(verified.served), verified.names

    def renew(self) -> Sequence[Child] | None:
        """Workers on a changed certificate; None where none has come, or one that cannot be served."""
        if not self._watch.changed():
            return None
        try:
            verified = self._verify()
        except CertificateRefused as refused:
            self._log.error("the changed certificate cannot be served; the former one stays", reason=str(refused))
            return None
        self._warn(verified.warnings)
        self._log.info("the certificate has changed", certificate=str(self._tls.certificate))
        return self._hire(verified.served)

    def _warn(self, warnings: Sequence[str]) -> None:
        for warning in warnings:
            self._log.warning(warning)


def _verify(served: Served, host: str | None, config: Path | None) -> None:
    """In the fork: the library is loaded here and in no process that stays."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from entrepot.certificates import examining
    from entrepot.certificates.names import list_names

    settings = served.settings
    warnings: list[str] = []
    names: tuple[str, ...] = ()
    fault = ""
    try:
        pair = examining.read_pair(settings.certificate, settings.key, config)
        chain = examining.check_servable(pair)
        authorities = [examining.read_pem(path) for path in settings.clientcas]
        for path, content in zip(settings.clientcas, authorities, strict=True):
            examining.read_chain(content, path)
        names = list_names(chain[0])
        warnings = examining.list_weaknesses(pair, chain, datetime.now(UTC), host)
        anchor = examining.find_anchor(pair, chain)
        served.certificate.write(pair.certificate)
        served.key.write(pair.key)
        served.authorities.write(b"\n".join(authorities))
        served.anchor.write(b"" if anchor is None else anchor.public_bytes(Encoding.PEM))
    except examining.Unservable as unservable:
        fault = str(unservable)
    served.report.write(json.dumps({"fault": fault, "names": names, "warnings": warnings}).encode())
