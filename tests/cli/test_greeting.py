# SPDX-License-Identifier: Apache-2.0
"""The start message: every address and command in it can be used as it is printed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from entrepot.cli.greeting import greet
from entrepot.config.load import Loaded, load

Greet = Callable[[str], str]


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[[str], Loaded]:
    """A configuration with this ``http`` section and what follows it."""

    def load_http(http: str) -> Loaded:
        path = tmp_path / "config.yml"
        path.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}}}}}\nhttp: {http}\n")
        return load(path, {})

    return load_http


@pytest.fixture
def say(loaded: Callable[[str], Loaded]) -> Greet:
    """What is said with this ``http`` section, on port 5077."""
    return lambda http: greet(loaded(http), 5077, 2)


@pytest.mark.parametrize(
    ("http", "listens", "host"),
    [
        ("{addr: '127.0.0.1:5077'}", "http://127.0.0.1:5077/,", "127.0.0.1:5077"),
        ("{addr: 'localhost:0'}", "http://localhost:5077/,", "localhost:5077"),
        ("{addr: ':5077'}", "http://localhost:5077/ (all addresses),", "localhost:5077"),
        ("{addr: '0.0.0.0:5077'}", "http://localhost:5077/ (all addresses),", "localhost:5077"),
        ("{addr: '[::]:5077'}", "http://localhost:5077/ (all addresses),", "localhost:5077"),
        ("{addr: '[::1]:5077'}", "http://[::1]:5077/,", "[::1]:5077"),
        ("{addr: ':5077', host: 'https://reg.example.com/'}", "http://localhost:5077/ (all", "reg.example.com"),
    ],
)
def test_addresses(say: Greet, http: str, listens: str, host: str) -> None:
    """Where it listens, as a URL; and three commands with the name by which clients know it."""
    said = say(http)
    assert f"listens on  {listens}" in said
    assert said.splitlines()[-3:] == [
        "  docker pull alpine",
        f"  docker tag alpine {host}/alpine",
        f"  docker push {host}/alpine",
    ]


@pytest.mark.parametrize(("workers", "words"), [(1, "1 worker\n"), (3, "3 workers\n")])
def test_facts(loaded: Callable[[str], Loaded], tmp_path: Path, workers: int, words: str) -> None:
    """Where the data lies, which configuration counts, how many processes answer."""
    said = greet(loaded("{addr: '127.0.0.1:5077'}"), 5077, workers)
    assert f"data        {tmp_path}\n" in said
    assert f"config      {tmp_path / 'config.yml'}\n" in said
    assert words in said


def test_what_nobody_can_push_to(say: Greet) -> None:
    """On a socket, below a prefix and while read-only there is no push to suggest, but what can be done is said."""
    assert "docker push" in say("{addr: ':5077'}")
    socket = say("{addr: /run/registry.sock, net: unix}")
    assert "listens on  /run/registry.sock," in socket
    assert "curl --unix-socket /run/registry.sock http://localhost/v2/" in socket
    prefix = say("{addr: ':5077', prefix: /reg/}")
    assert "http.prefix" in prefix
    readonly = say("{addr: ':5077'}\n")
    assert "docker push" in readonly
    for said in (socket, prefix):
        assert "docker push" not in said


def test_read_only(loaded: Callable[[str], Loaded]) -> None:
    """A read-only registry says so instead of suggesting a push."""
    given = loaded("{addr: ':5077'}")
    registry = replace(given.settings.registry, readonly=True)
    said = greet(replace(given, settings=replace(given.settings, registry=registry)), 5077, 2)
    assert "docker push" not in said
    assert "Read-only" in said


@pytest.mark.parametrize(("addr", "warned"), [("127.0.0.1:5077", False), ("[::1]:5077", False), (":5077", True)])
def test_plain_http(say: Greet, addr: str, warned: bool) -> None:
    """Where other machines can connect, what their clients will say is told with its remedies."""
    said = say(f"{{addr: '{addr}'}}")
    assert ("server gave HTTP response to" in said) is warned
    assert ('{"insecure-registries": ["NAME:5077"]}' in said) is warned


def test_a_configuration_that_is_not_used(loaded: Callable[[str], Loaded]) -> None:
    """A configuration of distribution that lies on this machine is named with the command that uses it."""
    given = replace(loaded("{addr: ':5077'}"), ignored_config=Path("/etc/docker/registry/config.yml"))
    said = greet(given, 5077, 2)
    assert "is there but not used" in said
    assert "serve /etc/docker/registry/config.yml" in said


TLS = "tls: {certificate: /c.crt, key: /c.key}"


@pytest.mark.parametrize("addr", ["127.0.0.1:5077", ":5077"])
def test_tls(say: Greet, addr: str) -> None:
    """With TLS the address begins with https, and nothing is said of plain HTTP."""
    assert "listens on  http://" in say(f"{{addr: '{addr}'}}")
    said = say(f"{{addr: '{addr}', {TLS}}}")
    assert "listens on  https://" in said
    assert "plain HTTP" not in said


@pytest.mark.parametrize(
    ("http", "names", "host"),
    [
        (f"{{addr: ':5077', {TLS}}}", ["registry.example.com", "10.0.0.1"], "registry.example.com:5077"),
        (f"{{addr: ':5077', {TLS}}}", ["*.example.com", "::1"], "[::1]:5077"),
        (f"{{addr: ':5077', {TLS}}}", ["*.example.com"], "localhost:5077"),
        (f"{{addr: ':5077', {TLS}}}", [], "localhost:5077"),
        (f"{{addr: ':5077', host: 'https://hub.example.com', {TLS}}}", ["registry"], "hub.example.com"),
    ],
)
def test_the_name_of_the_certificate(loaded: Callable[[str], Loaded], http: str, names: list[str], host: str) -> None:
    """docker refuses another name than the certificate's; what http.host says counts more, a star is no name."""
    assert f"  docker push {host}/alpine" in greet(loaded(http), 5077, 2, names).splitlines()


@pytest.mark.parametrize(
    ("auth", "access", "login"),
    [
        ("", "open to whoever reaches it", False),
        ("auth: {accounts: {}}", "accounts", True),
        ("auth: {htpasswd: {realm: a, path: /etc/htpasswd}}", "htpasswd /etc/htpasswd", True),
        ("auth: {token: {realm: 'https://a', service: a, issuer: corp, jwks: /a}}", "tokens of corp", False),
        ("auth: {silly: {realm: a, service: a}}", "whoever names any user (auth.silly, for tests)", False),
    ],
)
def test_access(say: Greet, auth: str, access: str, *, login: bool) -> None:
    """One line says who is let in; where a password is asked for, the first step is to log in."""
    said = say(f"{{addr: ':5077', host: 'https://hub.example.com'}}\n{auth}").splitlines()
    assert f"  access      {access}" in said
    first = said[said.index("Push a first image:") + 1]
    assert (first == "  docker login hub.example.com") is login
    assert login or first == "  docker pull alpine"
