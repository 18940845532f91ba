# SPDX-License-Identifier: Apache-2.0
"""Each key takes what distribution's documentation says, and what it cannot take is a mistake that says what it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from entrepot.config.settings import Settings
from entrepot.registry.settings import Platform
from entrepot.storage.settings import FilesystemSettings, InMemorySettings
from entrepot.web.settings import TcpAddress, UnixAddress

if TYPE_CHECKING:
    from config.conftest import Setting, Start, Stop

Look = Callable[[Settings], object]


def driver(settings: Settings) -> object:
    found = settings.storage.driver
    return (str(found.rootdirectory), found.maxthreads) if isinstance(found, FilesystemSettings) else found


MEANINGS: list[tuple[str, str, Look, object]] = [
    ("version", "'0.1'", lambda s: s.http.address, TcpAddress("", 1)),
    ("log.level", "WARN", lambda s: s.telemetry.log.level, "warn"),
    ("loglevel", "debug", lambda s: s.telemetry.log.level, "debug"),
    ("log", "{level: error}, loglevel: debug", lambda s: s.telemetry.log.level, "error"),
    ("log.formatter", "logstash", lambda s: s.telemetry.log.formatter, "logstash"),
    ("log.formatter", "''", lambda s: s.telemetry.log.formatter, "text"),
    (
        "log.fields",
        "{a: 1, b: yes, c: '1', d: x}",
        lambda s: s.telemetry.log.fields,
        {"a": 1, "b": True, "c": "1", "d": "x"},
    ),
    ("log.accesslog.disabled", "on", lambda s: s.telemetry.log.accesslog_disabled, True),
    ("log.reportcaller", "true", lambda s: s.telemetry.log.reportcaller, True),
    ("storage", "inmemory", driver, InMemorySettings()),
    ("storage", "{inmemory: }", driver, InMemorySettings()),
    ("storage", "filesystem", driver, ("/var/lib/registry", 100)),
    ("storage", "{filesystem: null}", driver, ("/var/lib/registry", 100)),
    ("storage.filesystem.maxthreads", "3", driver, ("/srv", 25)),
    ("storage.filesystem.maxthreads", "'300'", driver, ("/srv", 300)),
    ("storage.delete.enabled", "yes", lambda s: s.registry.delete_enabled, True),
    ("storage.delete", "null", lambda s: s.registry.delete_enabled, False),
    ("storage.maintenance.readonly.enabled", "true", lambda s: s.registry.readonly, True),
    ("storage.maintenance.uploadpurging", "{age: 1h}", lambda s: s.jobs.uploadpurging.age, 3600.0),
    ("storage.maintenance.uploadpurging", "{age: 1h}", lambda s: s.jobs.uploadpurging.interval, 86400.0),
    ("storage.maintenance.uploadpurging.dryrun", "true", lambda s: s.jobs.uploadpurging.dryrun, True),
    ("http.addr", "'[::]:5000'", lambda s: s.http.address, TcpAddress("::", 5000)),
    ("http", "{net: unix, addr: /run/r.sock}", lambda s: str(getattr(s.http.address, "path", "")), "/run/r.sock"),
    ("http", "{net: tcp}", lambda s: s.http.address, TcpAddress("127.0.0.1", 5000)),
    ("http", "{addr: ''}", lambda s: s.http.address, TcpAddress("127.0.0.1", 5000)),
    ("http", "{addr: }", lambda s: s.http.address, TcpAddress("127.0.0.1", 5000)),
    ("http.addr", "':0'", lambda s: s.http.address, TcpAddress("", 0)),
    ("http.host", "https://r.example.com/base/", lambda s: s.http.host, "https://r.example.com/base/"),
    ("http.host", "''", lambda s: s.http.host, None),
    ("http.prefix", "/registry/", lambda s: s.http.prefix, "/registry/"),
    ("http.prefix", "/a/registry", lambda s: s.http.prefix, "/a/registry/"),
    ("http.draintimeout", "1m", lambda s: s.http.draintimeout, 60.0),
    ("http.draintimeout", "0", lambda s: s.http.draintimeout, 0.0),
    ("http.net", "tcp", lambda s: s.http.draintimeout, None),
    ("http.headers", "{x-a: [b], X-A: [c]}", lambda s: s.http.headers, {"X-A": ("b", "c")}),
    ("http.h2c.enabled", "true", lambda s: s.http.h2c_enabled, True),
    ("http.debug", "{addr: 'localhost:5001'}", lambda s: s.telemetry.debug.addr, "localhost:5001"),
    ("http", "{addr: 'a:1', debug: {addr: 'a:2'}}", lambda s: s.telemetry.debug.addr, "a:2"),
    ("http", "{addr: 'a:1', debug: {addr: 'b:1'}}", lambda s: s.telemetry.debug.addr, "b:1"),
    ("http", "{addr: ':0', debug: {addr: ':0'}}", lambda s: s.telemetry.debug.addr, ":0"),
    ("http", "{net: unix, addr: /run/r, debug: {addr: ':5000'}}", lambda s: s.telemetry.debug.addr, ":5000"),
    ("http.debug", "{addr: ':2', prometheus: {enabled: true}}", lambda s: s.telemetry.debug.prometheus_enabled, True),
    ("http.debug.prometheus", "{enabled: false, path: /m}", lambda s: s.telemetry.debug.prometheus_path, "/m"),
    ("log.hooks", "[{type: mail, disabled: true}, {disabled: yes}]", lambda s: s.telemetry.log.level, "info"),
    ("health.tcp", "[{addr: ':5432'}]", lambda s: s.telemetry.health.tcp[0].addr, ":5432"),
    ("health.storagedriver.interval", "0", lambda s: s.telemetry.health.storagedriver.interval, 10.0),
    ("validation.disabled", "true", lambda s: s.registry.validation.disabled, True),
    ("validation.enabled", "false", lambda s: s.registry.validation.disabled, False),
    ("validation.manifests.sparse", "true", lambda s: s.registry.validation.sparse, True),
    (
        "validation.manifests.indexes",
        "{platforms: List, platformlist: [{architecture: amd64, os: linux}]}",
        lambda s: (s.registry.validation.platforms, s.registry.validation.platformlist),
        ("list", (Platform("amd64", "linux"),)),
    ),
    ("catalog.maxentries", "50", lambda s: s.registry.catalog_max, 50),
    ("catalog.maxentries", "-1", lambda s: s.registry.catalog_max, 1000),
    ("tags.maxtags", "0", lambda s: s.registry.tags_max, 1000),
    ("index.url", "sqlite:////fast/index.sqlite3", lambda s: s.index.url, "sqlite:////fast/index.sqlite3"),
    ("disk.reserve", "1GiB", lambda s: s.storage.disk.reserve, 2**30),
    ("disk.reserve", "0", lambda s: s.storage.disk.reserve, 0),
    ("disk.fsync", "off", lambda s: s.storage.disk.fsync, False),
    ("auth", "None", lambda s: s.http.address, TcpAddress("", 1)),
    ("auth", "''", lambda s: s.http.address, TcpAddress("", 1)),
    ("auth", "{NONE: {}}", lambda s: s.http.address, TcpAddress("", 1)),
    ("auth", "{}", lambda s: s.http.address, TcpAddress("", 1)),
    ("http.tls", "{certificate: '', clientcas: []}", lambda s: s.http.tls, None),
    ("http.http2.disabled", "true", lambda s: s.http.http2, False),
    ("proxy", "{remoteurl: '', ttl: 1h}", lambda s: s.http.address, TcpAddress("", 1)),
    ("policy", "{repository: {classes: []}}", lambda s: s.http.address, TcpAddress("", 1)),
    ("middleware", "{storage: [{name: cloudfront, disabled: true}]}", lambda s: s.http.address, TcpAddress("", 1)),
    ("storage.cache", "{blobdescriptor: redis, blobdescriptorsize: 0}", driver, ("/srv", 100)),
    ("storage.redirect.disable", "true", driver, ("/srv", 100)),
    ("storage.tag.concurrencylimit", "8", driver, ("/srv", 100)),
    ("http.secret", "hush", lambda s: s.http.address, TcpAddress("", 1)),
]


@pytest.mark.parametrize(("key", "value", "look", "expected"), MEANINGS)
def test_what_values_mean(start: Start, setting: Setting, key: str, value: str, look: Look, expected: object) -> None:
    """The value arrives in the setting of its room, and nothing is warned about."""
    loaded = start(setting(key, value))
    assert look(loaded.settings) == expected
    assert loaded.warnings == ()


MISTAKES: list[tuple[str, str, str, str, str]] = [
    # key set, value, key named, found, allowed
    ("version", "0.2", "version", "0.2", "allowed: 0.1"),
    ("version", "null", "version", "nothing", "version: 0.1"),
    ("log.level", "warning", "log.level", "warning", "error, warn, info, debug"),
    ("log.formatter", "xml", "log.formatter", "xml", "text, json, logstash"),
    ("log.fields", "[a]", "log.fields", "a list", "a map"),
    ("log", "debug", "log", "a single value", "a map of keys"),
    ("log.accesslog.disabled", "maybe", "log.accesslog.disabled", "maybe", "true or false"),
    ("storage", "{}", "storage", "no storage driver", "name one"),
    ("storage", "null", "storage", "no storage driver", "name one"),
    ("storage", "[a]", "storage", "a list", "a map"),
    ("storage", "{inmemory: , filesystem: }", "storage", "several storage drivers", "exactly one"),
    ("storage", "{filesytem: {}}", "storage.filesytem", "unknown storage driver", "did you mean filesystem?"),
    ("storage", "{inmemory: {}, filesytem: {}}", "storage.filesytem", "unknown storage driver", "mean filesystem?"),
    ("storage", "{inmemory: {}, delet: {enabled: true}}", "storage.delet", "an unknown key", "mean storage.delete?"),
    ("storage", "{inmemory: {}, maintainance: }", "storage.maintainance", "unknown key", "mean storage.maintenance?"),
    ("storage", "{filesystem: {}, tags: {}}", "storage.tags", "an unknown key", "did you mean storage.tag?"),
    ("storage", "gcs", "storage.gcs", "not implemented yet", "filesystem, inmemory"),
    ("storage", "{azure: {accountname: a}}", "storage.azure", "not implemented yet", "filesystem, inmemory"),
    ("storage", "{swift: }", "storage.swift", "not implemented yet", "filesystem, inmemory"),
    ("storage", "{oss: }", "storage.oss", "not implemented yet", "filesystem, inmemory"),
    ("storage", "{s3aws: }", "storage.s3aws", "not implemented yet", "filesystem, inmemory"),
    ("storage.filesystem.rootdirectory", "''", "storage.filesystem.rootdirectory", '""', "a path"),
    ("storage.filesystem.rootdirectory", "[a]", "storage.filesystem.rootdirectory", "a list", "a path"),
    ("storage.filesystem.maxthreads", "-1", "storage.filesystem.maxthreads", "-1", "at least 0"),
    ("storage.delete.enabled", "'true'", "storage.delete.enabled", 'the string "true"', "write true without quotes"),
    ("storage.delete.enabled", "1", "storage.delete.enabled", "1", "true or false"),
    ("storage.redirect.disable", "'yes'", "storage.redirect.disable", 'the string "yes"', "without quotes"),
    ("storage.tag.concurrencylimit", "-1", "storage.tag.concurrencylimit", "-1", "at least 0"),
    ("storage.maintenance.uploadpurging.age", "-1h", "storage.maintenance.uploadpurging.age", "-1h", "at least 1s"),
    ("storage.maintenance.uploadpurging.age", "168", "storage.maintenance.uploadpurging.age", "168", "nanoseconds"),
    ("storage.maintenance.uploadpurging.interval", "0s", "storage.maintenance.uploadpurging.interval", "0s", "1s"),
    ("http.addr", "5000", "http.addr", "5000", "the colon is missing"),
    ("http.addr", "':99999'", "http.addr", ":99999", "0 to 65535"),
    ("http.addr", "'::1:5000'", "http.addr", "::1:5000", "brackets"),
    ("http.addr", "/run/registry.sock", "http.addr", "/run/registry.sock", "net: unix"),
    ("http", "{net: unix, addr: /" + "a" * 120 + "}", "http.addr", "/aaa", "at most 107 bytes"),
    ("http.net", "udp", "http.net", "udp", "tcp, unix"),
    ("http.host", "ftp://r.example.com", "http.host", "ftp://", "http:// or https://"),
    ("http.host", "'https://r.example.com:x'", "http.host", "https://", "http:// or https://"),
    ("http.host", "'https://r.example.com/?a=b'", "http.host", "https://", "without ? and #"),
    ("http", "{net: unix}", "http.addr", "nothing", "the path of a socket file"),
    ("http", "{net: unix, addr: [a]}", "http.addr", "a list", "a string"),
    ("http", "{net: unix, addr: ''}", "http.addr", "nothing", "the path of a socket file"),
    ("http.prefix", "registry", "http.prefix", "registry", "begins with /"),
    ("http.draintimeout", "-1s", "http.draintimeout", "-1s", "no negative duration"),
    ("http.draintimeout", "soon", "http.draintimeout", "soon", "a duration such as 30s"),
    ("http.headers", "{X-A: nosniff}", "http.headers.X-A", "nosniff", "a list of values, such as X-A: [nosniff]"),
    ("http.headers", "{X-A: 'GET, PUT'}", "http.headers.X-A", 'the string "GET, PUT"', 'such as X-A: ["GET, PUT"]'),
    ("http.headers", "{X-A: {b: c}}", "http.headers.X-A", "a map", "such as X-Frame-Options: [deny]"),
    ("http.headers", "{X-A: }", "http.headers.X-A", "nothing", "such as X-Frame-Options: [deny]"),
    ("http.headers", "{X-A: [b, [c]]}", "http.headers.X-A", "a list", "strings"),
    ("http.headers", '{X-A: [b, "a\\r\\nb"]}', "http.headers.X-A", r'the string "a\r\nb"', "line breaks"),
    ("http.headers", "{X-A: [a], 'X B': [b]}", "http.headers.X B", "the name X B", "letters, digits and hyphens"),
    ("http.headers", "{Content-Length: ['1']}", "http.headers.Content-Length", "the name", "frames each answer"),
    ("http.headers", "{Authorization: abc}", "http.headers.Authorization", "a single value", "Authorization: [***]"),
    ("health.http", "[{uri: 'http://a', headers: {B: c}}]", "health.http[0].headers.B", "a single value", "B: [***]"),
    ("http.debug.addr", "localhost", "http.debug.addr", "localhost", "host:port, such as :5000"),
    ("http.debug.addr", "':1'", "http.debug.addr", ":1", "another port than http.addr's"),
    ("http", "{debug: {addr: '127.0.0.1:5000'}}", "http.debug.addr", "127.0.0.1:5000", "another port than"),
    ("http", "{addr: '[::1]:7', debug: {addr: '[0::1]:7'}}", "http.debug.addr", "[0::1]:7", "another port than"),
    ("http.debug.prometheus.path", "metrics", "http.debug.prometheus.path", "metrics", "begins with /"),
    ("health.storagedriver.interval", "10", "health.storagedriver.interval", "10", "means nanoseconds"),
    ("health.storagedriver.threshold", "-1", "health.storagedriver.threshold", "-1", "at least 0"),
    ("health.storagedriver.threshold", "'3'", "health.storagedriver.threshold", 'the string "3"', "without quotes"),
    ("health.file", "/tmp/x", "health.file", "a single value", "a list of maps"),
    ("health.file", "[{interval: 1s}]", "health.file[0].file", "nothing", "is needed"),
    ("health.http", "[{uri: 'server/path'}]", "health.http[0].uri", "server/path", "http://"),
    ("health.http", "[{uri: 'http://a', statuscode: 999}]", "health.http[0].statuscode", "999", "at most 599"),
    ("health.tcp", "[{addr: a}]", "health.tcp[0].addr", "a", "host:port, such as 127.0.0.1:5432"),
    ("health.tcp", "[{}]", "health.tcp[0].addr", "nothing", "is needed"),
    ("validation.manifests.urls.allow", "['(']", "validation.manifests.urls.allow", '"("', "a regular expression"),
    ("validation.manifests.urls.deny", "x", "validation.manifests.urls.deny", "x", "a list of regular expressions"),
    ("validation.manifests.indexes.platforms", "some", "validation.manifests.indexes.platforms", "some", "all, none"),
    (
        "validation.manifests.indexes.platformlist",
        "[{os: linux}]",
        "validation.manifests.indexes.platformlist[0].architecture",
        "nothing",
        "is needed",
    ),
    ("catalog.maxentries", "many", "catalog.maxentries", "many", "a whole number"),
    ("tags.maxtags", "-1", "tags.maxtags", "-1", "at least 0"),
    ("index.url", "postgresql://u:hunter2@db", "index.url", "postgresql://***@db", "/database"),
    ("index.url", "postgresql://u:hunter/2@db/r", "index.url", "postgresql://***@db/r", "%2F"),
    ("index.url", "postgresql+psycopg://u:hunter2@db/r", "index.url", "postgresql+psycopg://***@db/r", "driver"),
    ("index.url", "mysql://u:hunter2@db/r", "index.url", "mysql://***@db/r", "postgresql://"),
    ("index.url", "sqlite:///relative", "index.url", "sqlite:///relative", "four slashes"),
    ("disk.reserve", "lots", "disk.reserve", "lots", "a size such as 256MiB"),
    ("disk.fsync", "'no'", "disk.fsync", 'the string "no"', "write false without quotes"),
    ("auth", "{htpasswd: {realm: a}}", "auth.htpasswd.path", "nothing", "the path of the file"),
    ("auth", "{htpasswd: {path: /b}}", "auth.htpasswd.realm", "nothing", "a name"),
    ("auth", "{silly: {realm: a}}", "auth.silly.service", "nothing", "any text"),
    ("auth", "{token: {realm: 'https://a/t', service: b, issuer: c}}", "auth.token.rootcertbundle", "nothing", "jwks"),
    (
        "auth",
        "{token: {realm: 'https://a/t', service: b, jwks: /k}}",
        "auth.token.issuer",
        "nothing",
        "the name of the token service",
    ),
    ("auth", "{accounts: {key: /k}}", "auth.accounts.cert", "nothing", "the certificate"),
    ("auth", "{accounts: {cert: /c}}", "auth.accounts.key", "nothing", "the key"),
    ("auth", "{accounts: {expiration: 5s}}", "auth.accounts.expiration", "5s", "at least 1m"),
    ("auth", "{accounts: {}, token: {realm: 'https://a/t', service: b}}", "auth.token.issuer", "nothing", "the name"),
    ("auth", "{proxyheader: X-User}", "auth.accounts", "nothing", "accounts: {}"),
    ("auth", "{accounts: {}, proxyheader: X-User}", "http.trustedproxies", "nothing", "[10.0.0.5"),
    ("auth.token", "{realm: hub/t, service: b, issuer: c, jwks: /k}", "auth.token.realm", "hub/t", "https:// address"),
    (
        "auth",
        "{accounts: {}, token: {realm: '/t', service: b, issuer: c}}",
        "auth.token.realm",
        "/t",
        "https:// address",
    ),
    ("auth", "{silly: {realm: a, service: b}, htpasswd: {realm: a, path: /b}}", "auth", "several kinds", "exactly one"),
    ("auth", "{accounts: {}, htpasswd: {realm: a, path: /b}}", "auth", "several kinds", "exactly one"),
    ("http.trustedproxies", "[10.0.0.300]", "http.trustedproxies", "10.0.0.300", "an address or a network"),
    ("auth", "{htpaswd: {}}", "auth.htpaswd", "unknown kind of authentication", "did you mean htpasswd?"),
    ("auth", "[htpasswd]", "auth", "a list", "a map"),
    ("policy.repository.classes", "[image]", "policy", "not implemented yet", "remove"),
    ("middleware.repository", "[{name: x}]", "middleware.repository[0]", "not implemented yet", "disabled: true"),
    ("notifications.endpoints", "{a: b}", "notifications.endpoints", "a map", "a list of maps"),
    ("redis.db", "first", "redis.db", "first", "a whole number"),
]


@pytest.mark.parametrize(("key", "value", "named", "found", "allowed"), MISTAKES)
def test_what_cannot_be(
    stop: Stop, setting: Setting, key: str, value: str, named: str, found: str, allowed: str
) -> None:
    """One mistake: file, line, key, what was found, what is allowed."""
    (mistake,) = stop(setting(key, value))
    assert mistake.key == named
    assert found in mistake.found
    assert allowed in mistake.allowed
    assert mistake.file is not None
    assert mistake.line == 1
    assert str(mistake) == f"{mistake.file}:1: {mistake.key}: found {mistake.found}; {mistake.allowed}"


@pytest.mark.parametrize(("value", "found"), [("-3", "-3"), ("'-3'", 'the string "-3"')])
def test_negative_numbers_are_no_strings(stop: Stop, setting: Setting, value: str, found: str) -> None:
    """A number is shown as one, and a string as one."""
    (mistake,) = stop(setting("tags.maxtags", value))
    assert mistake.found == found


def test_all_mistakes_at_once(stop: Stop) -> None:
    """In the order of their lines, variables after them; one line of text for each."""
    text = "version: 0.1\nlog: {level: loud}\nstorage: {filesystem: }\nauth: {htpasswd: }\nhttp:\n  addr: 1\n  net: x\n"
    mistakes = stop(text, {"REGISTRY_HTTP_PREFIX": "x", "REGISTRY_DISK_FSYNC": "x"})
    assert [mistake.line or mistake.variable for mistake in mistakes] == [
        2,
        4,
        4,
        6,
        7,
        "REGISTRY_DISK_FSYNC",
        "REGISTRY_HTTP_PREFIX",
    ]


def test_unix_socket(start: Start, setting: Setting) -> None:
    """net: unix makes addr a path."""
    assert isinstance(start(setting("http", "{net: unix, addr: /run/a}")).settings.http.address, UnixAddress)


@pytest.mark.parametrize(
    ("key", "value", "named", "near"),
    [
        ("http.adr", "':5000'", "http.adr", "did you mean http.addr?"),
        ("http.tls.cert", "/c.pem", "http.tls.cert", "did you mean http.tls.certificate?"),
        ("http.tls.client", "/c.pem", "http.tls.client", "did you mean http.tls.clientcas?"),
        ("Log", "{level: debug}", "Log", "did you mean log?"),
        ("storage.delete.enable", "true", "storage.delete.enable", "did you mean storage.delete.enabled?"),
        ("nothing.like.it", "1", "nothing", "ignored"),
        ("health.file", "[{file: x, intervall: 1s}]", "health.file[0].intervall", "health.file[0].interval?"),
    ],
)
def test_unknown_keys(start: Start, setting: Setting, key: str, value: str, named: str, near: str) -> None:
    """distribution ignores them, so files in use hold some: a warning with line and nearest known key."""
    loaded = start(setting(key, value))
    (unknown,) = loaded.unknown
    (warning,) = loaded.warnings
    assert unknown.key == named
    assert "it is ignored" in warning
    assert near in warning
    assert ":1: " in warning


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("http.host", "registry.example.com", "no scheme"),
        ("http.host", "registry.example.com:5000", "no scheme"),
        ("http.draintimeout", "30", "nanoseconds"),
        ("http.debug.prometheus.enabled", "true", "without http.debug.addr"),
        ("log.hooks", "[{type: mail, disabled: true}, {type: mail}]", "do nothing yet"),
        ("log.hooks", "[{type: mail, disabled: false}]", "do nothing yet"),
    ],
)
def test_surprises_are_warned_about(start: Start, setting: Setting, key: str, value: str, words: str) -> None:
    """What distribution does without a word and nobody means."""
    (warning,) = start(setting(key, value)).warnings
    assert words in warning
    assert key in warning


def test_several_drivers_beside_unknown_names(stop: Stop, setting: Setting) -> None:
    """Two known ones are too many whatever else is there; one beside unknown ones is not what is wrong."""
    assert [m.key for m in stop(setting("storage", "{inmemory: , filesystem: , x: }"))] == ["storage", "storage.x"]
    assert [m.key for m in stop(setting("storage", "{inmemory: , x: , zz: }"))] == ["storage.x", "storage.zz"]
    assert [m.key for m in stop(setting("storage", "{x: , zz: }"))] == ["storage", "storage.x", "storage.zz"]


def test_misspelt_keys_are_no_drivers(stop: Stop, setting: Setting) -> None:
    """Where no driver stands beside one, that is missing, too."""
    found = [(mistake.key, mistake.found) for mistake in stop(setting("storage", "{delet: {enabled: true}}"))]
    assert found == [("storage", "no storage driver"), ("storage.delet", "an unknown key")]
