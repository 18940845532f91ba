# SPDX-License-Identifier: Apache-2.0
"""What the JSON API refuses, and that nothing happened then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.api import ROOT, place, refused, restore

if TYPE_CHECKING:
    import httpx

    from conftest import StartServer

DIGEST = images.digest_of(b"nobody has this")
CHANGES = [
    ("DELETE", ()),
    ("DELETE", ("tags", "latest")),
    ("DELETE", ("manifests", DIGEST)),
    ("POST", ("restore",)),
]


def ask(client: httpx.Client, method: str, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    """A change as a program asks for it."""
    return client.request(method, path, json={} if method == "POST" else None, headers=headers)


@pytest.mark.parametrize(
    ("config", "sentence", "count"),
    [
        ({"maintenance": {"readonly": {"enabled": True}}}, "storage.maintenance.readonly", 4),
        ({"delete": {"enabled": False}}, "storage.delete.enabled", 3),
    ],
)
def test_what_is_switched_off(start_server: StartServer, config: dict[str, object], sentence: str, count: int) -> None:
    """405 names the setting, as the protocol does, and everything is still there."""
    server = start_server()
    made = transfer.push(server.client(), "team/app", images.image(), "latest")
    server.config["storage"].update(config)
    server.restart()
    client = server.client()
    for method, rest in CHANGES[:count]:
        [detail] = refused(ask(client, method, place("team/app", *rest)), 405, "UNSUPPORTED")
        assert sentence in detail
    transfer.assert_serves(client, "team/app", made, ["latest"])
    assert client.get(place("team/app", "reclaim")).status_code == 200


@pytest.mark.parametrize(("method", "rest"), CHANGES)
@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}])
def test_pages_of_other_sites(http: httpx.Client, method: str, rest: tuple[str, ...], headers: dict[str, str]) -> None:
    """403 where a browser says that a page of another site asks; the same request of a program is not refused so."""
    old = transfer.push(http, "foreign/app", images.image(), "latest")
    http.delete(f"/v2/foreign/app/manifests/{old.digest}")
    new = transfer.push(http, "foreign/app", images.image(), "latest")
    [detail] = refused(ask(http, method, place("foreign/app", *rest), headers), 403, "DENIED")
    assert "another site" in detail
    assert http.get(f"/v2/foreign/app/manifests/{old.digest}").status_code == 404
    transfer.assert_serves(http, "foreign/app", new, ["latest"])
    assert ask(http, method, place("foreign/app", *rest)).status_code in ({404} if DIGEST in rest else {200, 202})


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.com"}])
def test_pages_of_other_sites_and_the_protocol(http: httpx.Client, headers: dict[str, str]) -> None:
    """Every method of /v2/ that changes something, too: also what a page could send without asking."""
    made = transfer.push(http, "foreign/v2", images.image(layers=1), "latest")
    layer = made.blobs[-1].digest
    mount = f"/v2/foreign/other/blobs/uploads/?mount={layer}&from=foreign/v2"
    begun = http.post("/v2/foreign/v2/blobs/uploads/").headers["Location"]
    for method, path in (
        ("POST", mount),
        ("POST", "/v2/foreign/v2/blobs/uploads/"),
        ("PATCH", begun),
        ("PUT", begun),
        ("DELETE", begun),
        ("PUT", "/v2/foreign/v2/manifests/latest"),
        ("DELETE", "/v2/foreign/v2/manifests/latest"),
        ("DELETE", f"/v2/foreign/v2/blobs/{layer}"),
    ):
        answer = http.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "DENIED"), (method, path)
    transfer.assert_serves(http, "foreign/v2", made, ["latest"])
    assert http.head(f"/v2/foreign/other/blobs/{layer}").status_code == 404
    assert http.get("/v2/foreign/v2/manifests/latest", headers=headers).status_code == 200
    assert http.post(mount).status_code == 201


def test_a_web_ui_elsewhere(start_server: StartServer) -> None:
    """A page that http.headers lets use /v2/ may delete by it, and pages of no other origin."""
    ui = "https://ui.example.com"
    client = start_server({"http": {"headers": {"Access-Control-Allow-Origin": [ui]}}}).client()
    made = transfer.push(client, "team/app", images.image(), "latest")
    path = f"/v2/team/app/manifests/{made.digest}"
    assert client.delete(path, headers={"Origin": "https://evil.example.com"}).status_code == 403
    assert client.delete(path, headers={"Origin": ui, "Sec-Fetch-Site": "cross-site"}).status_code == 202
    assert client.get(path).status_code == 404


def test_what_is_not_there(http: httpx.Client) -> None:
    """404 says what is missing, in the form of the protocol's errors."""
    transfer.push(http, "there", images.image(), "latest")
    for rest in ((), ("tags",), ("trash",), ("reclaim",), ("tags", "x", "history")):
        assert refused(http.get(place("never", *rest)), 404, "NAME_UNKNOWN") == [{"name": "never"}]
    refused(http.delete(place("never")), 404, "NAME_UNKNOWN")
    refused(http.get(place("there", "tags", "never", "history")), 404, "MANIFEST_UNKNOWN")
    refused(http.get(place("there", "reclaim"), params={"tag": "never"}), 404, "MANIFEST_UNKNOWN")
    refused(http.get(place("there", "reclaim"), params={"digest": DIGEST}), 404, "MANIFEST_UNKNOWN")
    refused(http.delete(place("there", "tags", "never")), 404, "MANIFEST_UNKNOWN")
    refused(http.delete(place("there", "manifests", DIGEST)), 404, "MANIFEST_UNKNOWN")
    [detail] = refused(http.post(place("there", "restore"), json={}), 404, "NAME_UNKNOWN")
    assert "nothing in the trash of there" in detail
    [detail] = refused(http.post(place("there", "restore"), json={"digest": DIGEST}), 404, "MANIFEST_UNKNOWN")
    assert DIGEST in detail
    refused(http.post(place("there", "restore"), json={"tag": "never"}), 404, "MANIFEST_UNKNOWN")
    assert refused(http.get(f"{ROOT}/nothing"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("repositories?n=0", "PAGINATION_NUMBER_INVALID"),
        ("repositories?n=1001", "PAGINATION_NUMBER_INVALID"),
        ("repositories?n=", "PAGINATION_NUMBER_INVALID"),
        ("repositories?n=%C2%B2", "PAGINATION_NUMBER_INVALID"),
        ("repositories?n=1&n=2", "UNSUPPORTED"),
        ("repositories?m=1", "UNSUPPORTED"),
        ("repositories?last=A", "NAME_INVALID"),
        ("repositories?last=%00", "NAME_INVALID"),
        ("repositories/Team", "NAME_INVALID"),
        ("repositories/%FF", "NAME_INVALID"),
        ("repositories/a/-", "NAME_INVALID"),
        ("repositories/a/-/tags?last=-", "TAG_INVALID"),
        ("repositories/a/-/trash?last=x", "DIGEST_INVALID"),
        ("repositories/a/-/reclaim?tag=", "TAG_INVALID"),
        ("repositories/a/-/reclaim?digest=md5:0", "DIGEST_INVALID"),
        ("repositories/a/-/reclaim?tga=x", "UNSUPPORTED"),
        ("repositories/a/-/tags/-/history", "TAG_INVALID"),
        ("repositories/a/-/tags/x/history?before=-1", "UNSUPPORTED"),
        ("openapi.json?x", "UNSUPPORTED"),
    ],
)
def test_bad_parameters(http: httpx.Client, path: str, code: str) -> None:
    """400 with a sentence; a misspelled parameter is never taken for another question."""
    [detail] = refused(http.get(f"{ROOT}/{path}"), 400, code)
    assert detail


@pytest.mark.parametrize("query", ["purge=", "purge=1", "purge=True", "purge=true&purge=true", "pruge=true"])
def test_bad_purges(http: httpx.Client, query: str) -> None:
    """A wish that is not understood deletes nothing."""
    made = transfer.push(http, "purges", images.image(), "latest")
    for rest in ((), ("tags", "latest"), ("manifests", made.digest)):
        refused(http.delete(f"{place('purges', *rest)}?{query}"), 400, "UNSUPPORTED")
    transfer.assert_serves(http, "purges", made, ["latest"])


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b"{}", "text/plain", 415, "UNSUPPORTED"),
        (b"{}", "application/x-www-form-urlencoded", 415, "UNSUPPORTED"),
        (b"{}", "", 415, "UNSUPPORTED"),
        (b"", "application/json", 400, "UNSUPPORTED"),
        (b"{", "application/json", 400, "UNSUPPORTED"),
        (b"\xff", "application/json", 400, "UNSUPPORTED"),
        (b"[" * 4000, "application/json", 400, "UNSUPPORTED"),
        (b"[]", "application/json", 400, "UNSUPPORTED"),
        (b"null", "application/json", 400, "UNSUPPORTED"),
        (b'{"tga": "latest"}', "application/json", 400, "UNSUPPORTED"),
        (b'{"tag": null}', "application/json", 400, "UNSUPPORTED"),
        (b'{"tag": 1}', "application/json", 400, "UNSUPPORTED"),
        (b'{"tag": ""}', "application/json", 400, "TAG_INVALID"),
        (b'{"tag": "\\ud800"}', "application/json", 400, "TAG_INVALID"),
        (b'{"tag": "latest", "digest": "\\u0000"}', "application/json", 400, "DIGEST_INVALID"),
        (b"{" + b" " * 5000 + b"}", "application/json", 413, "UNSUPPORTED"),
        (b"{" + b" " * 3_000_000 + b"}", "application/json", 413, "UNSUPPORTED"),
    ],
)
def test_bad_bodies(http: httpx.Client, body: bytes, media_type: str, status: int, code: str) -> None:
    """Each is refused for what is wrong with it; nothing is restored."""
    made = transfer.push(http, "bodies", images.image(), "latest")
    http.delete("/v2/bodies/manifests/latest")
    answer = http.post(place("bodies", "restore"), content=body, headers={"Content-Type": media_type})
    [detail] = refused(answer, status, code)
    assert detail
    assert http.get("/v2/bodies/manifests/latest").status_code == 404
    assert restore(http, "bodies") == [{"digest": made.digest, "tags": ["latest"]}]


@pytest.mark.parametrize(
    ("rest", "allowed"),
    [
        ((), "DELETE, GET, HEAD"),
        (("tags",), "GET, HEAD"),
        (("tags", "x"), "DELETE"),
        (("restore",), "POST"),
        (("reclaim",), "GET, HEAD"),
    ],
)
def test_methods(http: httpx.Client, rest: tuple[str, ...], allowed: str) -> None:
    """OPTIONS tells what is allowed; everything else gets 405 that tells the same."""
    path = place("a/b", *rest)
    assert http.options(path).headers["Allow"] == f"{allowed}, OPTIONS"
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "LOOK"} - {*allowed.split(", ")}:
        answer = http.request(method, path)
        refused(answer, 405, "UNSUPPORTED")
        assert answer.headers["Allow"] == allowed
