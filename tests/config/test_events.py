# SPDX-License-Identifier: Apache-2.0
"""``notifications`` and ``events``: what they mean, what cannot be, and what is warned about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.jobs.settings import Endpoint

if TYPE_CHECKING:
    from config.conftest import Start, Stop

HEAD = "version: 0.1\nstorage: inmemory\n"
URL = "https://hooks.example.com/registry"


def notifying(*endpoints: str, addr: str = "127.0.0.1:5000") -> str:
    """A configuration with these endpoints, each in YAML's flow form on a line of its own, the first on line 5."""
    lines = "".join(f"    - {{{endpoint}}}\n" for endpoint in endpoints)
    return f"version: 0.1\nstorage: inmemory\nnotifications:\n  endpoints:\n{lines}http: {{addr: '{addr}'}}\n"


def test_an_endpoint_whole(start: Start) -> None:
    """Every key has its effect; both lists of media types count."""
    loaded = start(
        notifying(
            f"name: a, url: '{URL}', headers: {{authorization: [Bearer x]}}, timeout: 500ms, threshold: 5, backoff: 2s"
            ", ignoredmediatypes: [a/b], ignore: {mediatypes: [c/d], actions: [pull, mount]}, secret: hush"
        )
    )
    assert loaded.settings.jobs.endpoints == (
        Endpoint(
            name="a",
            url=URL,
            headers={"Authorization": ("Bearer x",)},
            timeout=0.5,
            threshold=5,
            backoff=2.0,
            ignored_mediatypes=frozenset({"a/b", "c/d"}),
            ignored_actions=frozenset({"pull", "mount"}),
            secret="hush",
        ),
    )
    assert not loaded.settings.registry.events.pulls
    assert loaded.warnings == ()
    assert "hush" not in str(loaded.effective)
    assert "hush" not in repr(loaded.settings)
    assert "Bearer" not in repr(loaded.settings)


@pytest.mark.parametrize("zeros", ["", ", timeout: 0, threshold: 0, backoff: 0s", ", threshold: -1"])
def test_defaults(start: Start, zeros: str) -> None:
    """Absent and zero mean distribution's defaults: 1 s, 10 failures, 1 s."""
    loaded = start(notifying(f"name: a, url: '{URL}'{zeros}"))
    assert loaded.settings.jobs.endpoints == (Endpoint("a", URL),)


def test_disabled_endpoints(start: Start) -> None:
    """They are as absent: nothing of them is needed, and a name may come again."""
    loaded = start(notifying("disabled: true", f"name: a, url: '{URL}', disabled: true", f"name: a, url: '{URL}'"))
    assert [endpoint.name for endpoint in loaded.settings.jobs.endpoints] == ["a"]


@pytest.mark.parametrize(
    ("endpoints", "line", "key", "allowed"),
    [
        ((f"url: '{URL}'",), 5, "notifications.endpoints[0].name", "needed"),
        (("name: a",), 5, "notifications.endpoints[0].url", "needed"),
        (("name: a, url: ''",), 5, "notifications.endpoints[0].url", "http://"),
        (("name: a, url: ftp://example.com",), 5, "notifications.endpoints[0].url", "http://"),
        (("name: a, url: example.com",), 5, "notifications.endpoints[0].url", "http://"),
        (("name: a, url: 'http://exam ple.com'",), 5, "notifications.endpoints[0].url", "without spaces"),
        ((f"name: a, url: '{URL}'",) * 2, 6, "notifications.endpoints[1].name", "no other endpoint"),
        ((f"name: a, url: '{URL}', timeout: 1",), 5, "notifications.endpoints[0].timeout", "nanoseconds"),
        ((f"name: a, url: '{URL}', threshold: many",), 5, "notifications.endpoints[0].threshold", "whole number"),
        (
            (f"name: a, url: '{URL}', ignore: {{actions: pull}}",),
            5,
            "notifications.endpoints[0].ignore.actions",
            "list",
        ),
        ((f"name: a, url: '{URL}', headers: {{A: b}}",), 5, "notifications.endpoints[0].headers.A", "list"),
    ],
)
def test_mistakes(stop: Stop, endpoints: tuple[str, ...], line: int, key: str, allowed: str) -> None:
    """Each is one mistake with its line, its key and what is allowed."""
    (mistake,) = stop(notifying(*endpoints))
    assert (mistake.line, mistake.key) == (line, key)
    assert allowed in mistake.allowed


def test_an_unknown_action(start: Start) -> None:
    """Distribution ignores it in silence; here it is said."""
    (warning,) = start(notifying(f"name: a, url: '{URL}', ignore: {{actions: [pulls]}}")).warnings
    assert ":5: notifications.endpoints[0].ignore.actions: 'pulls' is no action" in warning
    assert "push, pull, mount, delete" in warning


def test_variables(start: Start) -> None:
    """Whole lists, fields by index, and both names of ``events``."""
    whole = {"REGISTRY_NOTIFICATIONS_ENDPOINTS": f"[{{name: x, url: '{URL}'}}]"}
    assert start(HEAD, whole).settings.jobs.endpoints == (Endpoint("x", URL),)
    single = {"REGISTRY_NOTIFICATIONS_ENDPOINTS_0_SECRET": "#1: 0"}
    (endpoint,) = start(notifying(f"name: a, url: '{URL}'"), single).settings.jobs.endpoints
    assert endpoint.secret == "#1: 0"
    for name in ("EVENTCONFIG", "EVENTS"):
        loaded = start(HEAD, {f"REGISTRY_NOTIFICATIONS_{name}_INCLUDEREFERENCES": "true"})
        assert loaded.settings.registry.events.includereferences


def test_who_wants_pulls(start: Start) -> None:
    """An endpoint that does not ignore them, or ``events.pulls``; else nobody."""
    ignoring = f"name: a, url: '{URL}', ignore: {{actions: [pull]}}"
    wanting = f"name: b, url: '{URL}'"
    assert not start(HEAD).settings.registry.events.pulls
    assert not start(notifying(ignoring, wanting + ", disabled: true")).settings.registry.events.pulls
    assert start(notifying(ignoring, wanting)).settings.registry.events.pulls
    assert start(HEAD + "events: {pulls: true}\n").settings.registry.events.pulls


@pytest.mark.parametrize(
    ("host", "base", "prefix"),
    [
        ("https://r.example.com", "https://r.example.com", "/p"),
        ("https://r.example.com/base/", "https://r.example.com/base", "/p"),
        ("https://r.example.com/base", "https://r.example.com", "/p"),
        ("", None, "/p"),
    ],
)
def test_addresses_in_events(start: Start, host: str, base: str | None, prefix: str) -> None:
    """``http.host`` and ``http.prefix`` make the URLs of targets as they make Location."""
    events = start(f"{HEAD}http: {{host: '{host}', prefix: /p/}}\n").settings.registry.events
    assert (events.base, events.prefix) == (base, prefix)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "[::1]", "hooks.localhost"])
@pytest.mark.parametrize("addr", [":5000", "0.0.0.0:5000", "[::]:5000"])
def test_loopback_while_others_are_served(start: Start, host: str, addr: str) -> None:
    """One warning with line and key; in a container such an address is the container itself."""
    (warning,) = start(notifying(f"name: a, url: 'http://{host}:8000/'", addr=addr)).warnings
    assert f":5: notifications.endpoints[0].url: {host.strip('[]')} is this machine itself" in warning
    assert "container" in warning


@pytest.mark.parametrize(
    ("host", "addr"),
    [
        ("localhost", "127.0.0.1:5000"),
        ("localhost", "192.0.2.1:5000"),
        ("hooks.example.com", ":5000"),
        ("10.0.0.1", ":1"),
    ],
)
def test_no_warning_of_loopback(start: Start, host: str, addr: str) -> None:
    """Not where only this machine is served, nor for other addresses."""
    assert start(notifying(f"name: a, url: 'http://{host}/'", addr=addr)).warnings == ()
