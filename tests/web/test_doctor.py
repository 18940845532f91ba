# SPDX-License-Identifier: Apache-2.0
"""What proxies and configurations that do not fit are told, each once; and nothing where all is well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.auth.gate import OpenGate
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.notices import Notices, read_notices
from entrepot.telemetry.settings import LogSettings
from entrepot.web.doctor import MOST, ProxyDoctor
from entrepot.web.doors import Doors
from entrepot.web.settings import HttpSettings, TcpAddress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from entrepot.web.forwarded import Seen

GOOD = {"host": "cr.example.com", "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
TRUSTED = ("127.0.0.1/32",)


class Practice:
    """A registry on port 5000 with its doctor."""

    def __init__(
        self, directory: Path, proxies: tuple[str, ...] | None = TRUSTED, host: str | None = None, port: int = 5000
    ) -> None:
        self._directory = directory
        settings = HttpSettings(TcpAddress("", port), host=host, trustedproxies=proxies)
        notices = Notices(directory, configure_logs(LogSettings()))
        self.doctor = ProxyDoctor(settings, notices)
        self._doors = Doors(OpenGate(), settings, doctor=self.doctor)

    def ask(self, headers: Mapping[str, str], peer: str = "127.0.0.1") -> Seen:
        """One request."""
        pairs = [(name.encode(), text.encode()) for name, text in headers.items()]
        return self._doors.look({"client": (peer, "1"), "headers": pairs, "scheme": "http", "http_version": "1.1"})

    @property
    def found(self) -> Mapping[str, str]:
        """All findings, as ``/debug/proxy`` shows them."""
        return read_notices(self._directory)


@pytest.mark.parametrize(
    ("headers", "host"),
    [
        (GOOD, None),
        (GOOD, "https://cr.example.com"),
        (GOOD, "https://CR.example.com:443/"),
        ({**GOOD, "x-forwarded-host": "cr.example.com", "x-forwarded-prefix": "/registry"}, None),
        ({**GOOD, "host": "127.0.0.1:5000", "x-forwarded-host": "cr.example.com"}, "https://cr.example.com"),
        ({**GOOD, "host": "127.0.0.1:5000"}, "https://cr.example.com"),
        ({**GOOD, "host": "192.168.1.5"}, None),
        ({**GOOD, "x-forwarded-for": "198.51.100.1, 203.0.113.9"}, None),
        ({**GOOD, "x-forwarded-for": "10.0.0.9"}, None),
        ({"host": "cr.example.com", "forwarded": "for=203.0.113.9;proto=https"}, None),
        ({"host": "127.0.0.1:5000"}, "https://cr.example.com"),
        ({"host": "127.0.0.1:5000"}, None),
        ({"host": "localhost:5000", "x-remote-user": "ann", "via": "1.1 curl"}, None),
        ({"host": "[::1]:5000"}, None),
        ({"host": "127.0.0.1:5000", "x-forwarded-for": "", "x-forwarded-proto": "", "forwarded": ""}, None),
    ],
)
def test_nothing_is_wrong(tmp_path: Path, headers: Mapping[str, str], host: str | None) -> None:
    """Proxies that say what they should, and requests that come without one."""
    practice = Practice(tmp_path, host=host)
    practice.ask(headers)
    assert practice.found == {}


@pytest.mark.parametrize(
    ("headers", "host", "finding", "words"),
    [
        (GOOD, "http://cr.example.com", "scheme", ["https", "http.host"]),
        (GOOD, "https://other.example.com", "host", ["cr.example.com", "other.example.com"]),
        (GOOD, "https://cr.example.com:8443", "host", ["cr.example.com:8443"]),
        ({**GOOD, "x-forwarded-host": "a.example"}, "https://cr.example.com", "host", ["a.example"]),
        ({**GOOD, "host": "127.0.0.1:5000"}, None, "host-rewritten", ["127.0.0.1:5000", "Host $http_host"]),
        ({**GOOD, "host": "registry:5000"}, None, "host-rewritten", ["registry:5000"]),
        (
            {"host": "cr.example.com", "x-forwarded-for": "203.0.113.9"},
            None,
            "scheme-missing",
            ["X-Forwarded-Proto $scheme"],
        ),
        ({**GOOD, "x-forwarded-proto": "https,http"}, None, "x-forwarded-proto-unreadable", ["https,http"]),
        ({**GOOD, "x-forwarded-host": "a b"}, None, "x-forwarded-host-unreadable", ["a b"]),
        ({**GOOD, "x-forwarded-prefix": "registry"}, None, "x-forwarded-prefix-unreadable", ["/registry"]),
        ({"host": "a", "forwarded": "for"}, None, "forwarded-unreadable", ["RFC 7239"]),
        ({**GOOD, "forwarded": "for=203.0.113.9;proto=http"}, None, "two-kinds", ["Forwarded counts"]),
        ({**GOOD, "forwarded": "for=8.8.8.8;proto=https"}, None, "clients-differ", ['Forwarded ""']),
        ({**GOOD, "x-forwarded-for": "203.0.113.9, 10.0.0.9"}, None, "several", ["10.0.0.9", "http.trustedproxies"]),
    ],
)
def test_what_does_not_fit(
    tmp_path: Path, headers: Mapping[str, str], host: str | None, finding: str, words: list[str]
) -> None:
    """Each finding has a name, shows what came, and says what to set."""
    practice = Practice(tmp_path, host=host)
    practice.ask(headers)
    assert finding in practice.found
    for word in words:
        assert word in practice.found[finding]


def test_who_is_not_trusted(tmp_path: Path) -> None:
    """Forwarded headers from elsewhere, or from a proxy while the configuration is silent: the network to add."""
    practice = Practice(tmp_path)
    practice.ask(GOOD, peer="192.0.2.7")
    assert list(practice.found) == ["untrusted"]
    assert "192.0.2.7/32" in practice.found["untrusted"]


def test_where_the_configuration_is_silent(tmp_path: Path) -> None:
    """Clients' addresses and a stripped path are not believed, and it is said how they would be."""
    practice = Practice(tmp_path, proxies=None)
    practice.ask({"host": "cr.example.com", "x-forwarded-proto": "https"})
    assert practice.found == {}
    practice.ask({**GOOD, "x-forwarded-prefix": "/registry"}, peer="10.0.0.2")
    assert list(practice.found) == ["trust"]
    assert "http.trustedproxies: [10.0.0.2/32]" in practice.found["trust"]
    assert "X-Forwarded-Prefix" in practice.found["trust"]


def test_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """However many requests come, and however they differ, one line of the log tells of each finding."""
    practice = Practice(tmp_path)
    for number in range(2 * MOST):
        practice.ask({**GOOD, "x-forwarded-proto": f"https,{number}", "x-forwarded-host": f"a b{number}"})
    assert capsys.readouterr().err.count("finding=x-forwarded-proto-unreadable") == 1
    assert sorted(practice.found) == ["x-forwarded-host-unreadable", "x-forwarded-proto-unreadable"]


def test_junk_does_not_blind(tmp_path: Path) -> None:
    """However many odd requests came before, what is wrong is found; a stranger's are one kind, whatever they say, and
    of long headers little is kept.
    """
    practice = Practice(tmp_path)
    for number in range(MOST + 10):
        practice.ask({**GOOD, "x-forwarded-proto": f"{number}" + "x" * 5000}, peer="192.0.2.7")
    assert len(practice.doctor._known) == 1
    for number in range(MOST + 10):
        practice.ask({**GOOD, "x-forwarded-host": f"h{number}." + "x" * 5000, "host": "h" * 5000})
    assert len(practice.doctor._known) == MOST
    assert max(len(str(part)) for kind in practice.doctor._known for part in kind) <= 60
    assert "several" not in practice.found
    practice.ask({**GOOD, "x-forwarded-for": "203.0.113.9, 10.0.0.9", "x-forwarded-prefix": "/a"})
    assert "several" in practice.found
