# SPDX-License-Identifier: Apache-2.0
"""``REGISTRY_*`` variables: distribution's rules, and the forms that people expect beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from entrepot.config.settings import Settings
from entrepot.storage.settings import FilesystemSettings, InMemorySettings
from entrepot.web.settings import TcpAddress

if TYPE_CHECKING:
    from config.conftest import Start, Stop

FILE = """\
version: 0.1
storage:
  filesystem:
    rootdirectory: /srv/registry
  delete:
    enabled: true
  maintenance:
    readonly:
      enabled: false
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  tcp:
    - addr: one:1
"""
BARE = "version: 0.1\nstorage: {filesystem: {rootdirectory: /srv}}\nhttp: {addr: ':5000'}\n"

Look = Callable[[Settings], object]


def root(settings: Settings) -> str:
    driver = settings.storage.driver
    return str(driver.rootdirectory) if isinstance(driver, FilesystemSettings) else type(driver).__name__


def addresses(settings: Settings) -> list[str]:
    return [check.addr for check in settings.telemetry.health.tcp]


RULES: list[tuple[dict[str, str], Look, object]] = [
    ({"HTTP_ADDR": ":5001"}, lambda s: s.http.address, TcpAddress("", 5001)),
    ({"HTTP_ADDR": "[::1]:5001"}, lambda s: s.http.address, TcpAddress("::1", 5001)),
    ({"HTTP_ADDR": "'127.0.0.1:1'"}, lambda s: s.http.address, TcpAddress("127.0.0.1", 1)),
    ({"HTTP_DRAINTIMEOUT": "30s"}, lambda s: s.http.draintimeout, 30.0),
    ({"HTTP_H2C_ENABLED": "true # comment"}, lambda s: s.http.h2c_enabled, True),
    ({"HTTP": "{addr: ':1'}"}, lambda s: s.http.headers, {}),
    ({"HTTP_HEADERS": "{X-Foo: [a]}"}, lambda s: s.http.headers, {"X-Foo": ("a",)}),
    (
        {"HTTP_HEADERS_ACCESS-CONTROL-ALLOW-ORIGIN": '["*"]'},
        lambda s: s.http.headers["Access-Control-Allow-Origin"],
        ("*",),
    ),
    (
        {"HTTP_HEADERS_X-CONTENT-TYPE-OPTIONS": "[other]"},
        lambda s: s.http.headers,
        {"X-Content-Type-Options": ("other",)},
    ),
    ({"LOG_LEVEL": "debug"}, lambda s: s.telemetry.log.level, "debug"),
    ({"LOGLEVEL": "debug"}, lambda s: s.telemetry.log.level, "debug"),
    ({"LOG_FIELDS_REGION": "eu"}, lambda s: s.telemetry.log.fields, {"region": "eu"}),
    ({"LOG_ACCESSLOG_DISABLED": "yes"}, lambda s: s.telemetry.log.accesslog_disabled, True),
    ({"STORAGE": "inmemory"}, lambda s: s.storage.driver, InMemorySettings()),
    ({"STORAGE": "filesystem", "STORAGE_FILESYSTEM_ROOTDIRECTORY": "/data"}, root, "/data"),
    ({"STORAGE": "filesystem"}, lambda s: s.registry.delete_enabled, False),
    ({"STORAGE": "{filesystem: {rootdirectory: /data}, delete: {enabled: true}}"}, root, "/data"),
    ({"STORAGE_FILESYSTEM_ROOTDIRECTORY": "/data"}, root, "/data"),
    ({"STORAGE_DELETE_ENABLED": "false"}, lambda s: s.registry.delete_enabled, False),
    ({"HTTP_ADDR": ""}, lambda s: s.http.address, TcpAddress("127.0.0.1", 5000)),
    ({"HTTP_ADDR": "''"}, lambda s: s.http.address, TcpAddress("127.0.0.1", 5000)),
    ({"HTTP_PREFIX": "/foo"}, lambda s: s.http.prefix, "/foo/"),
    ({"STORAGE_DELETE_ENABLED": "no"}, lambda s: s.registry.delete_enabled, False),
    ({"STORAGE_DELETE": ""}, lambda s: s.registry.delete_enabled, False),
    ({"STORAGE_MAINTENANCE_READONLY": '{"enabled": true}'}, lambda s: s.registry.readonly, True),
    ({"STORAGE_MAINTENANCE_UPLOADPURGING": "{age: 1h}"}, lambda s: s.jobs.uploadpurging.age, 3600.0),
    ({"HEALTH_STORAGEDRIVER_ENABLED": "true"}, lambda s: s.telemetry.health.storagedriver.enabled, True),
    ({"HEALTH_TCPCHECKERS": "[{addr: 'a:1'}, {addr: 'b:2'}]"}, addresses, ["a:1", "b:2"]),
    ({"HEALTH_TCPCHECKERS_0_ADDR": "two:2"}, addresses, ["two:2"]),
    ({"HEALTH_TCPCHECKERS_1_ADDR": "two:2"}, addresses, ["one:1", "two:2"]),
    ({"VERSION": "2.8.2", "CONFIGURATION_PATH": "/elsewhere"}, root, "/srv/registry"),
    ({"CATALOG_MAXENTRIES": "7"}, lambda s: s.registry.catalog_max, 7),
    # Forms that distribution does not know, and nobody can depend on failing.
    ({"STORAGE_MAINTENANCE_READONLY_ENABLED": "true"}, lambda s: s.registry.readonly, True),
    ({"HEALTH_TCP_0_ADDR": "two:2"}, addresses, ["two:2"]),
    ({"HEALTH_TCP": "[{addr: 'a:1'}]"}, addresses, ["a:1"]),
    ({"HEALTH_FILE_0_FILE": "/tmp/x"}, lambda s: [check.file for check in s.telemetry.health.file], ["/tmp/x"]),
    (
        {"VALIDATION_MANIFESTS_URLS_ALLOW_0": "^https://"},
        lambda s: s.registry.validation.urls_allow,
        ("^https://",),
    ),
    # Ours.
    ({"INDEX_URL": "sqlite:////i.db"}, lambda s: s.index.url, "sqlite:////i.db"),
    ({"DISK_RESERVE": "1GiB", "DISK_FSYNC": "false"}, lambda s: s.storage.disk.reserve, 2**30),
    ({"VALIDATION_MANIFESTS_SPARSE": "true"}, lambda s: s.registry.validation.sparse, True),
]


@pytest.mark.parametrize(("variables", "look", "expected"), RULES)
def test_rules(start: Start, variables: dict[str, str], look: Look, expected: object) -> None:
    """What a variable says counts, without a warning."""
    loaded = start(FILE, {f"REGISTRY_{name}": value for name, value in variables.items()})
    assert look(loaded.settings) == expected
    assert loaded.warnings == ()


def test_nested_readonly_without_its_block(start: Start) -> None:
    """distribution panics here; the meaning is plain."""
    loaded = start(BARE, {"REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED": "true"})
    assert loaded.settings.registry.readonly


@pytest.mark.parametrize("secret", ["#hush", "a: b", "0123", "1e3", "yes", "*x", "{", "!x y", "%", "@a", "a #b"])
def test_texts_stay_texts(stop: Stop, secret: str) -> None:
    """A password is what it is, also where YAML would see a comment, a map, a number, a boolean or an error.

    The variable fits its key, so that only the missing driver stops the start.
    """
    (mistake,) = stop("version: 0.1\nhttp: {addr: ':1'}\n", {"REGISTRY_STORAGE_S3_SECRETKEY": secret})
    assert mistake.key == "storage.s3"
    assert "not implemented yet" in mistake.found


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ('"https://a/"', "https://a/"),
        ("'https://a/'", "https://a/"),
        ("  https://a/ ", "https://a/"),
        ("!!str https://a/", "https://a/"),
        ("https://a/", "https://a/"),
        ("", None),
        ("~", None),
    ],
)
def test_quotes_inside_values(start: Start, value: str, host: str | None) -> None:
    """Quotes that people write to keep YAML from guessing are not part of the text; nothing clears a key."""
    loaded = start("version: 0.1\nstorage: inmemory\nhttp: {host: 'https://file/'}\n", {"REGISTRY_HTTP_HOST": value})
    assert loaded.settings.http.host == host


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("REGISTRY_http_addr", "ignored"),
        ("REGISTRY_HTP_ADDR", "did you mean REGISTRY_HTTP_ADDR?"),
        ("REGISTRY_HTTP_ADDRESS", "did you mean REGISTRY_HTTP_ADDR?"),
        ("REGISTRY_HTTP_TLS_CERT", "did you mean REGISTRY_HTTP_TLS_CERTIFICATE?"),
        ("REGISTRY_HTTP_TLS_CLIENTCA", "did you mean REGISTRY_HTTP_TLS_CLIENTCAS?"),
        ("REGISTRY_HTTP_ADDR_X", "ignored"),
        ("REGISTRY_NOTIFICATIONS_EVENT_INCLUDEREFERENCES", "REGISTRY_NOTIFICATIONS_EVENT"),
        ("REGISTRY_HEALTH_TCP_X_ADDR", "ignored"),
        ("REGISTRY_", "ignored"),
        ("REGISTRY__", "ignored"),
        ("REGISTRY_AUTH_FILE", "podman"),
        ("REGISTRY_PORT", "Kubernetes"),
        ("REGISTRY_PORT_5000_TCP", "Kubernetes"),
        ("REGISTRY_PORT_5000_TCP_ADDR", "Kubernetes"),
        ("REGISTRY_SERVICE_HOST", "Kubernetes"),
        ("REGISTRY_SERVICE_PORT_HTTP", "Kubernetes"),
        ("REGISTRY_AUTH_PORT_5001_TCP_PROTO", "Kubernetes"),
        ("REGISTRY_STORAGE_SERVICE_HOST", "Kubernetes"),
    ],
)
def test_unknown_variables(start: Start, name: str, near: str) -> None:
    """A warning names the variable and the nearest known one; its value is never looked at."""
    loaded = start(FILE, {name: "tcp://hunter2"})
    (unknown,) = loaded.unknown
    (warning,) = loaded.warnings
    assert unknown.variable == name
    assert "it is ignored" in warning
    assert near in warning
    assert "hunter2" not in warning


def test_other_variables_are_not_looked_at(start: Start) -> None:
    """Only the upper-case prefix counts."""
    assert start(FILE, {"registry_http_addr": "x", "REGISTRYHTTP": "x", "HTTP_ADDR": "x"}).warnings == ()


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"HTTP_DRAINTIMEOUT": "abc"}, "http.draintimeout", "a duration such as"),
    ({"HTTP_RELATIVEURLS": "'true'"}, "http.relativeurls", "write true without quotes"),
    ({"HTTP_HEADERS": "{X-Foo: [a"}, "http.headers", "read as YAML"),
    ({"HTTP": "x"}, "http", "a map of keys"),
    ({"LOG_LEVEL": "loud"}, "log.level", "error, warn, info, debug"),
    ({"HEALTH_TCPCHECKERS_2_ADDR": "b:2"}, "health.tcp[2].addr", "an index from 0 to 1"),
    ({"STORAGE": "s3"}, "storage.s3", "filesystem, inmemory"),
    ({"STORAGE": "s3x"}, "storage.s3x", "did you mean s3?"),
    ({"STORAGE": ""}, "storage", "name one"),
    ({"STORAGE_DELET_ENABLED": "true"}, "storage.delet", "did you mean storage.delete?"),
    ({"STORAGE_REDIS_ADDRS": "[a]"}, "storage.redis", "did you mean storage.redirect?"),
    ({"STORAGE_IPFS_URL": "x"}, "storage.ipfs", "allowed: azure, filesystem"),
    ({"HTTP_DEBUG_ADDR": ":5000"}, "http.debug.addr", "another port than http.addr's"),
    ({"HTTP_HEADERS_X-A": "nosniff"}, "http.headers.x-a", "a list of values, such as x-a: [nosniff]"),
    ({"HTTP_HEADERS": "{X-Foo:\n\t[a]}"}, "http.headers", "indent with spaces; the value is read as YAML"),
    ({"AUTH_HTPASSWD_REALM": "x"}, "auth.htpasswd.path", "the path of the file"),
    ({"AUTH_OTHER_REALM": "x"}, "auth.other", "allowed: accounts, htpasswd, proxyheader, silly, token"),
    ({"PROXY_REMOTEURL": "https://registry-1.docker.io"}, "proxy", "remove"),
    ({"HTTP_TLS_CERTIFICATE": "/c.pem"}, "http.tls.key", "a PEM file"),
    ({"MIDDLEWARE_STORAGE": "[{name: redirect}]"}, "middleware.storage[0]", "remove it"),
]


@pytest.mark.parametrize(("variables", "key", "allowed"), WRONG)
def test_mistakes_name_the_variable(stop: Stop, variables: dict[str, str], key: str, allowed: str) -> None:
    """Where a file would be named with its line, the variable is."""
    names = [f"REGISTRY_{name}" for name in variables]
    (mistake,) = stop(FILE, dict(zip(names, variables.values(), strict=True)))
    assert mistake.key == key
    assert allowed in mistake.allowed
    assert mistake.variable in names
    assert mistake.file is None
    assert str(mistake).startswith(f"{mistake.variable}: ")


def test_a_driver_over_another(stop: Stop) -> None:
    """Two drivers are named with where each was said, and the variable that replaces instead of adding."""
    first, second = stop(FILE, {"REGISTRY_STORAGE_S3_BUCKET": "b"})
    assert "REGISTRY_STORAGE=NAME" in first.allowed
    assert "config.yml:3" in first.found
    assert second.key == "storage.s3"


PROTECTED = "version: 0.1\nstorage: inmemory\n"


@pytest.mark.parametrize(
    ("section", "name"),
    [
        ("auth: {htpasswd: {realm: a, path: /b}}", "AUTH"),
        ("auth: htpasswd", "AUTH"),
        ("auth: {htpasswd: {realm: a, path: /b}}", "AUTH_HTPASSWD_PATH"),
        ("http: {tls: {certificate: /c}}", "HTTP_TLS"),
        ("http: {tls: {certificate: /c}}", "HTTP"),
        ("proxy: {remoteurl: 'https://a'}", "PROXY_REMOTEURL"),
        ("policy: {repository: {classes: [image]}}", "POLICY"),
        ("middleware: {storage: [{name: cloudfront}]}", "MIDDLEWARE_STORAGE"),
    ],
)
def test_empty_variables_switch_no_protection_off(stop: Stop, section: str, name: str) -> None:
    """A variable that some script left empty must not open a registry whose file protects it."""
    mistakes = stop(f"{PROTECTED}{section}\n", {f"REGISTRY_{name}": ""})
    assert any(
        mistake.variable == f"REGISTRY_{name}" and "does not switch off" in mistake.allowed for mistake in mistakes
    )


def test_no_authentication_may_be_said_openly(start: Start) -> None:
    """REGISTRY_AUTH=none over a file with authentication is a decision."""
    assert start(f"{PROTECTED}auth: htpasswd\n", {"REGISTRY_AUTH": "None"}).warnings == ()


def test_parents_apply_before_children(start: Start) -> None:
    """In the order of the names, whatever the order of the environment."""
    environ = {"REGISTRY_HTTP_HEADERS_X-B": "[c]", "REGISTRY_HTTP_HEADERS": "{X-A: [b]}", "REGISTRY_HTTP": "{net: tcp}"}
    assert start(FILE, environ).settings.http.headers == {"X-A": ("b",), "X-B": ("c",)}


def test_keys_with_underscores(stop: Stop) -> None:
    """azure's max_retries can be addressed, and so is checked."""
    mistakes = stop(PROTECTED.replace("inmemory", "azure"), {"REGISTRY_STORAGE_AZURE_MAX_RETRIES": "x"})
    assert [mistake.key for mistake in mistakes] == ["storage.azure", "storage.azure.max_retries"]


def test_variables_over_the_embedded_default(start: Start) -> None:
    """They apply to it as to a file."""
    loaded = start(None, {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "/data", "REGISTRY_HTTP_ADDR": ":5001"})
    assert root(loaded.settings) == "/data"
    assert loaded.settings.http.address == TcpAddress("", 5001)
    assert loaded.settings.registry.delete_enabled
    sources = {entry.key: entry.source for entry in loaded.effective}
    assert sources["http.addr"] == "REGISTRY_HTTP_ADDR"
    assert sources["storage.delete.enabled"] == "default"
