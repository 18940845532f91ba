# SPDX-License-Identifier: Apache-2.0
"""Files as people have them: they start unchanged, or stop the start naming what is not there."""

from pathlib import Path

import pytest

from entrepot.config.load import Loaded, load
from entrepot.config.mistakes import ConfigurationError
from entrepot.storage.settings import FilesystemSettings, InMemorySettings
from entrepot.telemetry.settings import FileCheck, HttpCheck, StorageCheck, TcpCheck
from entrepot.web.settings import TcpAddress, TlsSettings

FILES = Path(__file__).with_name("files")

STOPPED = {
    "s3.yml": ["storage.s3"],
    "token-policy.yml": ["policy"],
    "proxy.yml": ["proxy"],
    "cloudfront.yml": ["middleware.storage[0]"],
}
STARTED = {
    "debian-package.yml",
    "registry2-image.yml",
    "registry3-image.yml",
    "browser-frontend.yml",
    "notifications-redis.yml",
    "anchors.yml",
    "htpasswd-tls.yml",
}


def loaded(name: str) -> Loaded:
    return load(FILES / name, {})


def test_every_file_is_in_a_table() -> None:
    """No file lies there untested."""
    assert {file.name for file in FILES.iterdir()} == STARTED | STOPPED.keys()


@pytest.mark.parametrize("name", sorted(STOPPED))
def test_what_protects_or_places_data_stops_the_start(name: str) -> None:
    """Each section that is not implemented is named with its line, and nothing else is said to be wrong."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(name)
    assert [mistake.key for mistake in caught.value.mistakes] == STOPPED[name]
    lines = (FILES / name).read_text().splitlines()
    for mistake in caught.value.mistakes:
        assert mistake.file == str(FILES / name)
        assert mistake.line is not None
        assert "not implemented yet" in str(mistake)
        section = mistake.key.partition("[")[0].rpartition(".")[2]
        assert section in "".join(lines[mistake.line - 3 : mistake.line])


def test_image_of_registry_2() -> None:
    """The configuration inside the official registry:2 image means here what it means there."""
    settings = loaded("registry2-image.yml").settings
    assert settings.storage.driver == FilesystemSettings(Path("/var/lib/registry"))
    assert settings.http.address == TcpAddress("", 5000)
    assert settings.http.headers == {"X-Content-Type-Options": ("nosniff",)}
    assert settings.telemetry.health.storagedriver == StorageCheck(enabled=True, interval=10.0, threshold=3)
    assert settings.telemetry.log.fields == {"service": "registry"}
    assert not settings.registry.delete_enabled
    assert loaded("registry2-image.yml").warnings == ()


def test_image_of_registry_3() -> None:
    """That of registry:3 as well: deleting, the debug server, no purging."""
    settings = loaded("registry3-image.yml").settings
    assert settings.registry.delete_enabled
    assert settings.telemetry.debug.addr == ":5001"
    assert settings.telemetry.debug.prometheus_enabled
    assert settings.telemetry.log.accesslog_disabled
    assert settings.telemetry.log.level == "debug"
    assert not settings.jobs.uploadpurging.enabled
    assert loaded("registry3-image.yml").warnings == ()


def test_everything_that_is_implemented() -> None:
    """YAML 1.1 words, quoted version, old names, empty auth and tls, checks, headers: each arrives in its room."""
    found = loaded("browser-frontend.yml")
    settings = found.settings
    assert settings.telemetry.log.level == "warn"
    assert settings.storage.driver == FilesystemSettings(Path("/srv/registry"), 200)
    assert settings.registry.delete_enabled
    assert (settings.jobs.uploadpurging.age, settings.jobs.uploadpurging.interval) == (72 * 3600.0, 5400.0)
    assert settings.http.host == "https://registry.example.com"
    assert settings.http.draintimeout == 60.0
    assert settings.http.headers["Access-Control-Allow-Methods"] == ("HEAD", "GET", "OPTIONS", "DELETE")
    health = settings.telemetry.health
    assert health.file == (FileCheck("/tmp/maintenance", 10.0),)
    authorization = {"Authorization": ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",)}
    assert health.http == (HttpCheck("http://server.to.check/must/return/200", authorization, 200, 3.0, 10.0, 3),)
    assert health.tcp == (TcpCheck("redis-server.domain.com:6379", 3.0, 10.0, 3),)
    assert settings.registry.validation.urls_allow == (r"^https?://([^/]+\.)*example\.com/",)
    assert settings.registry.validation.urls_deny == (r"^https?://www\.example\.com/",)
    assert found.warnings == ()


def test_sections_that_do_nothing_yet_are_named_once() -> None:
    """One warning names all of them with their lines."""
    (warning,) = loaded("notifications-redis.yml").warnings
    for section in ("log.hooks", "redis", "reporting", "compatibility"):
        assert section in warning
        assert f"{FILES / 'notifications-redis.yml'}:" in warning
    assert "notifications (" not in warning


def test_anchors_and_merges() -> None:
    """Anchors and << work as in every YAML 1.1 reader; what stands beside << wins."""
    found = loaded("anchors.yml")
    assert found.settings.telemetry.health.storagedriver == StorageCheck(enabled=True, interval=20.0, threshold=5)
    assert found.settings.storage.driver == InMemorySettings()
    assert found.settings.http.address == TcpAddress("::1", 5000)
    assert [mistake.key for mistake in found.unknown] == ["x-check"]


def test_tls() -> None:
    """Certificate, key and clients' authorities of a file that many wrote arrive unchanged."""
    tls = loaded("htpasswd-tls.yml").settings.http.tls
    assert tls == TlsSettings(Path("/certs/domain.crt"), Path("/certs/domain.key"), (Path("/certs/ca.crt"),), "tls1.2")
