# SPDX-License-Identifier: Apache-2.0
"""No secret is printed: not in the effective configuration, not in mistakes, not in warnings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from entrepot.config.load import load
from entrepot.config.mistakes import ConfigurationError
from entrepot.config.nodes import DEFAULT, Scalar
from entrepot.config.redact import described, is_secret, shown

if TYPE_CHECKING:
    from config.conftest import Setting, Start, Stop

FILES = Path(__file__).with_name("files")
HEAD = "version: 0.1\nstorage: inmemory\n"


def output(text: str | None, environ: dict[str, str], start: Start) -> str:
    try:
        loaded = start(text, environ)
    except ConfigurationError as error:
        return f"{error}\n{error!r}\n{error.unknown}"
    return "\n".join((*loaded.warnings, *(f"{entry.key}: {entry.value}" for entry in loaded.effective)))


def test_files_with_secrets() -> None:
    """Passwords of five sections, one in a URL and one in a header are all hidden, and all are there as ***."""
    loaded = load(FILES / "notifications-redis.yml", {})
    printed = {entry.key: entry.value for entry in loaded.effective}
    assert "hunter2" in (FILES / "notifications-redis.yml").read_text()
    assert "hunter2" not in str(printed)
    assert "hunter2" not in str(loaded.warnings)
    assert printed["redis.password"] == "***"
    assert printed["log.hooks[0].options.smtp.password"] == "***"
    assert printed["reporting.bugsnag.apikey"] == "***"
    assert printed["notifications.endpoints[0].url"] == "https://***@my.listener.com/event"
    assert printed["notifications.endpoints[0].headers"] == "{Authorization: ***}"


@pytest.mark.parametrize("name", ["s3.yml", "proxy.yml"])
def test_files_that_stop(name: str) -> None:
    """What stops the start is named without its credentials."""
    with pytest.raises(ConfigurationError) as caught:
        load(FILES / name, {})
    assert "hunter2" not in repr(caught.value)
    assert "wJalr" not in repr(caught.value)


@pytest.mark.parametrize(
    ("section", "environ"),
    [
        ("http: {secret: [hunter2]}", {}),
        ("http: {headers: {Authorization: hunter2}}", {}),
        ("http: {headers: {Authorization: [hunter2]}}", {}),
        ("http: {headers: {X-Api-Key: [hunter2], Set-Cookie: [hunter2]}}", {}),
        ('http: {headers: {Authorization: ["hunter2\\n"]}}', {}),
        ("http: {headers: {Authorization: {hunter2: hunter2}}}", {}),
        ("http: {headers: {'Authorization: Bearer hunter2': }}", {}),
        ("http: {headers: {X-Auth-Token: [a, 'hunter2\u2115']}}", {}),
        ("health: {http: [{uri: 'http://a', headers: {Authorization: hunter2}}]}", {}),
        (
            "notifications: {endpoints: [{name: a, url: 'http://a', headers: {X-Api: [hunter2], X-B: [a, hunter2]}}]}",
            {},
        ),
        ("notifications: {endpoints: [{name: a, url: 'http://a', headers: {X-Api: hunter2}}]}", {}),
        ("notifications: {endpoints: [{name: a, url: 'http://a', headers: {X-Api: ['hunter2\\u2115']}}]}", {}),
        ("notifications: {endpoints: [{name: a, url: 'http://a', headers: {X-Api: [{hunter2: a}]}}]}", {}),
        ("notifications: {endpoints: [{name: a, url: 'http://a', headers: hunter2}]}", {}),
        ("health: {http: [{uri: 'http://a', headers: {X-Api: [hunter2]}}]}", {}),
        ("health: {http: [{uri: 'http://a', headers: {X-Api: hunter2}}]}", {}),
        ("", {"REGISTRY_HTTP_HEADERS_AUTHORIZATION": "hunter2"}),
        ("http: {host: 'ftp://a:hunter2@b'}", {}),
        ("http: {host: 'https://a:hunter2@b/'}", {}),
        ("log: {fields: {password: hunter2, nested: {apiKey: hunter2}}}", {}),
        ("redis: hunter2", {}),
        ("redis: {password: {hunter2: 1}}", {}),
        ("redis: {password: hunter2", {}),
        ("index: {url: 'postgres://a:hunter2@b/c'}", {}),
        ("health: {http: [{uri: 'https://a/?access_token=hunter2&x=y'}]}", {}),
        ("middleware: {storage: [{name: a, disabled: true, options: {privatekey: hunter2}}]}", {}),
        ("", {"REGISTRY_HTTP_SECRET": "hunter2"}),
        ("", {"REGISTRY_PROXY_PASSWORD": "hunter2"}),
        ("", {"REGISTRY_REDIS": "{password: hunter2"}),
        ("", {"REGISTRY_REDIS": "hunter2"}),
        ("", {"REGISTRY_PASSWORD": "hunter2"}),
        ("", {"REGISTRY_STORAGE_S3_SECRETKEY": "hunter2"}),
        ("", {"REGISTRY_STORAGE_S3": "{secretkey: {a: hunter2}}"}),
        ("", {"REGISTRY_STORAGE_GCS_CREDENTIALS": "{private_key: hunter2}"}),
    ],
)
def test_secrets_are_hidden(start: Start, section: str, environ: dict[str, str]) -> None:
    """Whatever is right or wrong about them."""
    assert "hunter2" not in output(f"{HEAD}{section}\n", environ, start)


def test_what_is_no_secret_is_shown(start: Start) -> None:
    """Hiding everything would be easy, too."""
    printed = output(f"{HEAD}http: {{host: 'https://a:b@shown.example.com/', headers: {{X-A: [shown]}}}}\n", {}, start)
    assert "https://***@shown.example.com/" in printed
    assert "{X-A: [shown]}" in printed


@pytest.mark.parametrize("name", ["password", "secret_key", "Authorization", "X-Auth-Token", "apiKey", "account-key"])
def test_names_of_secrets(name: str) -> None:
    """In any spelling."""
    assert is_secret(name)


@pytest.mark.parametrize("name", ["service", "region", "X-Frame-Options", "keyid", "username", "monkey"])
def test_names_of_others(name: str) -> None:
    """Names that merely resemble."""
    assert not is_secret(name)


def test_headers_that_are_no_secret_are_shown(start: Start) -> None:
    """A mistake in one names it and what it holds; that of a secret only its name."""
    assert "http.headers.X-A: found shown;" in output(f"{HEAD}http: {{headers: {{X-A: shown}}}}\n", {}, start)
    printed = output(f"{HEAD}http: {{headers: {{'Authorization: Bearer hunter2': [a]}}}}\n", {}, start)
    assert "http.headers.Authorization ***: found the name Authorization ***;" in printed


@pytest.mark.parametrize(("text", "printed"), [("-3", "-3"), ("-1.5", "-1.5"), ("- a", '"- a"'), ("-", '"-"')])
def test_negative_numbers_are_shown_as_written(text: str, printed: str) -> None:
    """What begins with a minus is no string for that; an entry of a list would be read as something else."""
    assert shown(text) == printed


def test_strings_are_escaped_once() -> None:
    """Line breaks in quoted texts stay readable."""
    assert described(Scalar("a\nb", plain=False, origin=DEFAULT)) == r'the string "a\nb"'
    assert described(Scalar("a b", plain=False, origin=DEFAULT)) == 'the string "a b"'


def test_values_cannot_forge_lines(stop: Stop) -> None:
    """A value with line breaks or terminal controls stays on its line, escaped."""
    (mistake,) = stop('version: 0.1\nstorage: {"a\\nb": {}}\n')
    assert len(str(mistake).splitlines()) == 1
    (mistake,) = stop(f'{HEAD}http: {{net: "tcp\\nerror: all is lost\\e[2J"}}\n')
    assert len(str(mistake).splitlines()) == 1
    assert "\x1b" not in str(mistake)
    assert described(Scalar("\ud800", plain=True, origin=DEFAULT)).isascii()


def test_long_values_are_cut() -> None:
    """A mistake stays readable."""
    assert len(shown("a" * 10_000)) < 300


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2@db/r",
        "postgres://u:hunter2@db/r",
        "postgresql://u:hunter2/hunter2@db/r",
        "postgresql://u:hunter2 hunter2@db/r",
        "postgresql://u:hunter2#hunter2@db/r",
        "postgresql://db/r?user=u&password=hunter2",
        "postgresql+psycopg://u:hunter2@db/r",
    ],
)
def test_the_address_of_a_database(url: str, start: Start) -> None:
    """Its password is hidden, whether the address is taken or not, and wherever the password stands in it."""
    printed = output(f"{HEAD}index: {{url: '{url}'}}\n", {}, start)
    assert "index.url" in printed
    assert "***" in printed
    assert "hunter2" not in printed


def test_headers_for_others(start: Start) -> None:
    """Whatever a header is called that is sent to an endpoint or a health check, its name alone is shown; of our own
    answers the values, too.
    """
    checks = "health: {http: [{uri: 'http://a', headers: {X-Api: [hunter2]}}]}\n"
    told = "notifications: {endpoints: [{name: a, url: 'http://a', headers: {X-Api: [hunter2], X-B: [c]}}]}\n"
    loaded = start(f"{HEAD}{checks}{told}http: {{headers: {{X-Api: [shown]}}}}\n", {})
    printed = {entry.key: entry.value for entry in loaded.effective}
    assert printed["notifications.endpoints[0].headers"] == "{X-Api: ***, X-B: ***}"
    assert printed["health.http[0].headers"] == "{X-Api: ***}"
    assert printed["http.headers"] == "{X-Api: [shown]}"


KEY = "-----BEGIN PRIVATE KEY-----\nhunter2\nhunter2\n-----END PRIVATE KEY-----\n"
PATHS = [
    ("http.tls.key", "REGISTRY_HTTP_TLS_KEY"),
    ("http.tls.certificate", "REGISTRY_HTTP_TLS_CERTIFICATE"),
    ("auth.accounts.key", "REGISTRY_AUTH_ACCOUNTS_KEY"),
    ("auth.accounts.cert", "REGISTRY_AUTH_ACCOUNTS_CERT"),
    ("auth.token.rootcertbundle", "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE"),
    ("auth.token.jwks", "REGISTRY_AUTH_TOKEN_JWKS"),
    ("auth.htpasswd.path", "REGISTRY_AUTH_HTPASSWD_PATH"),
]


@pytest.mark.parametrize(("key", "variable"), PATHS)
def test_a_text_where_a_path_is_wanted(stop: Stop, setting: Setting, key: str, variable: str) -> None:
    """``KEY="$(cat key)"``: it says that the path is wanted, and nothing of the text, in YAML as in a variable."""
    folded = KEY.strip().replace("\n", " ")
    cases = [
        (HEAD, {variable: KEY}, "text of a PEM file; write its path"),
        (HEAD, {variable: KEY.replace("\n", "")}, "text of a PEM file; write its path"),
        (HEAD, {variable: "hunter2\nhunter2"}, "the path of a file that holds it"),
        (setting(key, json.dumps(KEY)), {}, "text of a PEM file; write its path"),
        (setting(key, f"'{folded}'"), {}, "text of a PEM file; write its path"),
        (setting(key, '"hunter2\\nhunter2"'), {}, "the path of a file that holds it"),
    ]
    for text, environ, advice in cases:
        mistakes = stop(text, environ)
        assert [advice in mistake.allowed for mistake in mistakes if mistake.key == key] == [True]
        assert "hunter2" not in "".join(map(repr, mistakes))


@pytest.mark.parametrize(
    ("section", "environ"),
    [
        ("", {"REGISTRY_HTTP_TLS_CLIENTCAS": KEY}),
        (f"http: {{tls: {{clientcas: [{json.dumps(KEY)}]}}}}", {}),
        (f"http: {{tls: {json.dumps(KEY)}}}", {}),
        ("", {"REGISTRY_HTTP_TLS": KEY}),
        ("", {"REGISTRY_HTTP_ADDR": KEY}),
        ("", {"REGISTRY_HTTP_HOST": KEY}),
        ("http:\n  tls:\n    key: |\n      " + KEY.replace("\n", "\n      "), {}),
        ("http:\n  tls:\n    key: " + KEY, {}),
        (f"http: {{addr: {json.dumps(KEY)}, net: unix}}", {}),
    ],
)
def test_the_text_of_a_key_elsewhere(stop: Stop, section: str, environ: dict[str, str]) -> None:
    """Wherever it was put, no mistake repeats it."""
    assert "hunter2" not in "".join(map(repr, stop(f"{HEAD}{section}\n", environ)))
