# SPDX-License-Identifier: Apache-2.0
"""A real server that is told of proxies: where answers lead, who is named, and what the operator is told."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support import images, transfer
from support.ports import free_port
from support.waiting import until
from support.wire import ask, request

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartServer

TRUSTING = {"http": {"trustedproxies": ["127.0.0.1"]}}
STRIPPED = {"X-Forwarded-Prefix": "/registry", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "cr.example.com"}


def _locations(http: httpx.Client, headers: dict[str, str]) -> list[str]:
    """Of an upload's begin and its end, of a manifest, and the path in a Link; the way back is the proxy's."""
    made, content = images.index([]), images.blob()
    begun = http.post("/v2/a/b/blobs/uploads/", headers=headers)
    back = "/v2/" + begun.headers["Location"].partition("/v2/")[2]
    ended = http.put(back, params={"digest": content.digest}, content=content.data, headers=headers)
    manifest = http.put(
        f"/v2/a/b/manifests/{made.digest}",
        content=made.data,
        headers={"Content-Type": made.media_type, **headers},
        params={"tag": ["1", "2"]},
    )
    link = http.get("/v2/a/b/tags/list", params={"n": 1}, headers=headers).headers["Link"]
    assert [begun.status_code, ended.status_code, manifest.status_code] == [202, 201, 201]
    places = [answer.headers["Location"] for answer in (begun, ended, manifest)]
    return [*(re.sub(r"(uploads/).*|sha256:.*", r"\1", place) for place in places), link.partition("?")[0]]


def _expected(base: str, path: str) -> list[str]:
    places = [f"{base}/v2/a/b/{kind}" for kind in ("blobs/uploads/", "blobs/", "manifests/")]
    return [*places, f"<{path}/v2/a/b/tags/list"]


def test_a_path_that_a_proxy_strips(start_server: StartServer) -> None:
    """It stands before every Location and Link where the proxy is trusted; else, and without it, they are as ever."""
    http = start_server(TRUSTING).client()
    assert _locations(http, STRIPPED) == _expected("/registry", "/registry")
    assert _locations(http, {}) == _expected("", "")
    for bad in ("//evil.example", "/a/../b", "registry", "/a b", "/a, /b"):
        assert _locations(http, {"X-Forwarded-Prefix": bad}) == _expected("", "")


@pytest.mark.parametrize("trusted", [None, ["192.0.2.1"], []])
def test_a_path_from_somebody_else(start_server: StartServer, trusted: list[str] | None) -> None:
    """It counts from nobody where the configuration is silent, and from nobody who is not named."""
    http = start_server({"http": {"trustedproxies": trusted}}).client()
    assert _locations(http, STRIPPED) == _expected("", "")


def test_a_host_that_is_configured(start_server: StartServer) -> None:
    """``http.host`` names the whole address, so that nothing is added to it; Link stays a path that the client sees."""
    http = start_server({"http": {**TRUSTING["http"], "host": "https://fixed.example.com"}}).client()
    assert _locations(http, STRIPPED) == _expected("https://fixed.example.com", "/registry")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # httpcore leaks refused sockets
def test_on_a_socket_file(start_server: StartServer, tmp_path: Path) -> None:
    """Whoever may open the socket file is a proxy of ours, as soon as there are any."""
    path = tmp_path / "registry.sock"
    server = start_server({"http": {"addr": str(path), "net": "unix", "trustedproxies": ["192.0.2.1"]}})
    assert _locations(server.client(), STRIPPED) == _expected("/registry", "/registry")
    server.client().get("/v2/", headers={"X-Forwarded-For": "203.0.113.9"})
    until(lambda: "203.0.113.9 - - [" in server.log(), what="the client is in the access log")


def test_who_asks(start_server: StartServer) -> None:
    """Log, events and errors name the same client: whom the trusted proxy names, not what the client wrote before."""
    server = start_server({**TRUSTING, "log": {"level": "debug"}})
    http = server.client()
    http.headers["X-Forwarded-For"] = "8.8.8.8, 203.0.113.9"
    transfer.push_blob(http, "a/b", images.blob())
    assert http.get("/v2/a/b/manifests/none").status_code == 404
    until(lambda: len(_events(http)) == 1, what="the push is in the feed")
    assert _events(http)[0]["request"]["addr"] == "203.0.113.9"
    until(lambda: "203.0.113.9 - - [" in server.log(), what="the client is in the access log")
    assert "http.request.remoteaddr=203.0.113.9" in server.log()
    assert "8.8.8.8" not in server.log()


def _events(http: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = http.get("/api/v1/events").json()["events"]
    return found


def test_what_does_not_fit_is_told(start_server: StartServer) -> None:
    """On the debug server, by all workers together, and in the log once for each worker."""
    debug = f"127.0.0.1:{free_port()}"
    server = start_server({"http": {"debug": {"addr": debug}}})
    assert ask(server.host, request("GET", "/v2/", host=server.host)).status == 200
    assert _findings(debug) == {}, "nobody is a proxy who asks the registry itself"
    for _ in range(40):
        lines = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https,http")
        assert ask(server.host, request("GET", "/v2/", *lines, host=server.host)).status == 200
    until(lambda: len(_findings(debug)) == 3, what="all findings are on the page")
    assert sorted(_findings(debug)) == ["host-rewritten", "trust", "x-forwarded-proto-unreadable"]
    assert 1 <= server.log().count("finding=trust") <= 2
    assert "http.trustedproxies: [127.0.0.1/32]" in server.log()


def _findings(debug: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(httpx.get(f"http://{debug}/debug/proxy", trust_env=False).text)
    return found


def test_hosts_in_a_realm(start_server: StartServer) -> None:
    """The challenge names the host that was asked for, or that the proxy names; no odd one."""
    server = start_server({"auth": {"accounts": {}}})
    for lines, base in (
        (["X-Forwarded-Host: cr.example.com", "X-Forwarded-Proto: https"], "https://cr.example.com"),
        (["X-Forwarded-Host: evil.example/x?"], f"http://{server.host}"),
        (['X-Forwarded-Host: a",service="b'], f"http://{server.host}"),
        (["X-Forwarded-Host: user@evil.example"], f"http://{server.host}"),
        (["Forwarded: garbage", "X-Forwarded-Host: a"], f"http://{server.host}"),
    ):
        reply = ask(server.host, request("GET", "/v2/", *lines, host=server.host))
        assert reply.status == 401
        assert f'realm="{base}/auth/token"' in reply.headers["www-authenticate"]
