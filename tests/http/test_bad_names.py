# SPDX-License-Identifier: Apache-2.0
"""Names, tags and paths that are none: refused with the rule they break, and never a path on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.wire import ask, request

if TYPE_CHECKING:
    import httpx

    from support.server import Server

DIGEST = "sha256:" + "0" * 64

BAD_NAMES = {
    "upper case": "A",
    "upper case inside": "team/App",
    "dots": "..",
    "dots below": "team/../app",
    "dots before": "../team",
    "one dot": "./team",
    "only dots and slashes": "../../../../../../../../etc",
    "two slashes": "team//app",
    "leading slash": "/team",
    "trailing slash": "team/",
    "256 characters": "a" * 256,
    "5000 characters": "a/" * 2499 + "a",
    "underscore first": "_layers",
    "underscore inside": "team/_uploads/x",
    "three underscores": "a___b",
    "two dots": "a..b",
    "dash at the end": "a-",
    "encoded dots": "%2e%2e",
    "encoded dots below": "team/%2e%2e/%2E%2E/app",
    "encoded slash and dots": "team%2f..%2f..%2fapp",
    "encoded slashes": "team%2F%2Fapp",
    "double encoded slash": "team%252Fapp",
    "double encoded dots": "%252e%252e",
    "nul": "team%00",
    "nul and a suffix": "team%00.txt",
    "newline": "team%0a",
    "carriage return": "a%0d%0aX-Injected:1",
    "overlong dots": "%c0%ae%c0%ae",
    "overlong slash": "team%c0%afapp",
    "no utf-8": "%ff%fe",
    "beyond ascii": "%C3%A4",
    "digits of another script": "%D9%A3",
    "broken escape": "a%zz",
    "lone percent": "%",
    "backslash": "team\\app",
    "blank": "a%20b",
    "semicolon": "a;b",
    "colon": "a:b",
    "at": "a@b",
    "empty": "",
}

ENDPOINTS = [
    ("GET", "/v2/{}/tags/list"),
    ("GET", "/v2/{}/manifests/latest"),
    ("HEAD", f"/v2/{{}}/manifests/{DIGEST}"),
    ("PUT", "/v2/{}/manifests/latest"),
    ("DELETE", "/v2/{}/manifests/latest"),
    ("GET", f"/v2/{{}}/blobs/{DIGEST}"),
    ("DELETE", f"/v2/{{}}/blobs/{DIGEST}"),
    ("POST", "/v2/{}/blobs/uploads/"),
    ("GET", "/v2/{}/blobs/uploads/9fd6e2a3-14a7-4f8b-8b4c-0a9d6b7c5e10"),
    ("PATCH", "/v2/{}/blobs/uploads/9fd6e2a3-14a7-4f8b-8b4c-0a9d6b7c5e10"),
    ("GET", f"/v2/{{}}/referrers/{DIGEST}"),
]


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
def test_a_bad_name_is_refused_everywhere(registry: Server, name: str) -> None:
    """Every endpoint answers 400 NAME_INVALID that says what a name looks like, and nothing is made on the disk."""
    before = {str(path) for path in registry.root.rglob("*")}
    for method, template in ENDPOINTS:
        reply = ask(registry.host, request(method, template.format(name)), head=method == "HEAD")
        assert reply.status == 400, (method, template, reply)
        if method != "HEAD":
            assert reply.code == "NAME_INVALID"
            assert "repository name" in reply.errors[0]["detail"]
        assert "x-injected" not in reply.headers
    made = {str(path) for path in registry.root.rglob("*")} - before
    assert not [path for path in made if "/entrepot/" not in path]


@pytest.mark.parametrize("name", ["a" * 255, "a", "0", "a--b", "a__b/c.d/e-f_g", "a/" * 127 + "a"])
def test_a_name_at_the_edge_of_the_rule_is_served(http: httpx.Client, name: str) -> None:
    """The longest, shortest and strangest names that the rule allows take a push and give it back."""
    made = transfer.push(http, name, images.image(layers=1), "1")
    transfer.assert_serves(http, name, made, ["1"])
    assert http.get(f"/v2/{name}/tags/list").json() == {"name": name, "tags": ["1"]}


def test_an_encoded_slash_is_a_slash(http: httpx.Client, registry: Server) -> None:
    """Proxies write %2F for the slash in a name: it means the same repository, not another one."""
    made = transfer.push(http, "enc/oded", images.image(layers=1), "1")
    for name in ("enc%2Foded", "enc%2foded", "%65nc/oded"):
        reply = ask(registry.host, request("GET", f"/v2/{name}/manifests/1"))
        assert (reply.status, reply.body) == (200, made.data)


BAD_TAGS = {
    "dot first": ".hidden",
    "dash first": "-x",
    "dots": "%2e%2e",
    "129 characters": "a" * 129,
    "blank": "a%20b",
    "newline": "latest%0a",
    "nul": "latest%00",
    "plus": "1.0+1",
    "beyond ascii": "%C3%A4",
    "no utf-8": "%ff",
    "empty": "",
}


@pytest.mark.parametrize("tag", BAD_TAGS.values(), ids=BAD_TAGS)
def test_a_bad_tag_is_refused(registry: Server, http: httpx.Client, repository: str, tag: str) -> None:
    """GET, PUT and DELETE of what is no tag answer 400 TAG_INVALID; so does a push that names it as parameter."""
    made = transfer.push(http, repository, images.image(layers=1), "good")
    for method in ("GET", "PUT", "DELETE"):
        reply = ask(registry.host, request(method, f"/v2/{repository}/manifests/{tag}"))
        assert (reply.status, reply.code) == (400, "TAG_INVALID"), method
    target = f"/v2/{repository}/manifests/good?tag=fine&tag={tag.replace('+', '%2B')}"
    reply = ask(registry.host, request("PUT", target, f"Content-Type: {made.media_type}", body=made.data))
    assert (reply.status, reply.code) == (400, "TAG_INVALID")
    assert http.get(f"/v2/{repository}/tags/list").json()["tags"] == ["good"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/team/manifests/..%2f..%2f..%2fescape",
        "/v2/team/blobs/uploads/../../../escape",
        "/v2/team/blobs/..%2f..%2f..%2fescape",
        "/v2/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/v2/team/unknown",
        "//v2/",
        "/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/healthz/",
        "*",
    ],
)
def test_a_path_that_is_no_endpoint(registry: Server, path: str) -> None:
    """Whatever is no endpoint gets 404 with a JSON error, also where it climbs."""
    reply = ask(registry.host, request("GET", path))
    assert (reply.status, reply.code) == (404, "NOT_FOUND")
