# SPDX-License-Identifier: Apache-2.0
"""Where answers point to: relative unless ``http.host`` says otherwise; prefixes, headers and sockets as configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import images, transfer

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from conftest import StartServer


def _locations(http: httpx.Client, prefix: str = "") -> dict[str, str]:
    """Location of an upload's begin (without its id), of a blob, of a manifest, and the path in a Link."""
    content, made = images.blob(), images.index([])
    begun = http.post(f"{prefix}/v2/a/b/blobs/uploads/")
    blob = http.post(f"{prefix}/v2/a/b/blobs/uploads/", params={"digest": content.digest}, content=content.data)
    params = {"tag": ["1", "2"]}
    headers = {"Content-Type": made.media_type}
    url = f"{prefix}/v2/a/b/manifests/{made.digest}"
    manifest = http.put(url, content=made.data, headers=headers, params=params)
    assert [begun.status_code, blob.status_code, manifest.status_code] == [202, 201, 201]
    link = http.get(f"{prefix}/v2/a/b/tags/list", params={"n": 1}).headers["Link"]
    return {
        "upload": begun.headers["Location"].removesuffix(begun.headers["Docker-Upload-UUID"]),
        "blob": blob.headers["Location"].removesuffix(content.digest),
        "manifest": manifest.headers["Location"].removesuffix(made.digest),
        "link": link.partition("?")[0],
    }


def _expected(base: str, prefix: str = "") -> dict[str, str]:
    return {
        "upload": f"{base}/v2/a/b/blobs/uploads/",
        "blob": f"{base}/v2/a/b/blobs/",
        "manifest": f"{base}/v2/a/b/manifests/",
        "link": f"<{prefix}/v2/a/b/tags/list",
    }


@pytest.mark.parametrize(
    "forwarded",
    [
        {},
        {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "elsewhere"},
        {"Forwarded": "proto=https;host=elsewhere"},
        {"Host": "elsewhere:1"},
    ],
)
def test_relative_by_default(http: httpx.Client, forwarded: dict[str, str]) -> None:
    """Whatever a proxy says of scheme and host, answers point to a path, which is right behind every proxy."""
    http.headers.update(forwarded)
    assert _locations(http) == _expected("")


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("https://registry.example.com", "https://registry.example.com"),
        ("http://registry.example.com:8080", "http://registry.example.com:8080"),
        ("https://registry.example.com/base/", "https://registry.example.com/base"),
    ],
)
def test_absolute_where_a_host_is_configured(start_server: StartServer, host: str, base: str) -> None:
    """``http.host`` stands before every Location; Link stays a path."""
    assert _locations(start_server({"http": {"host": host}}).client()) == _expected(base)


def test_below_a_prefix(start_server: StartServer) -> None:
    """With ``http.prefix`` everything is served below it and points below it; beside it is nothing."""
    http = start_server({"http": {"prefix": "/registry/"}}).client()
    assert _locations(http, "/registry") == _expected("/registry", "/registry")
    assert http.get("/registry/v2/").status_code == 200
    for path in ("/registry/", "/registry/healthz"):
        assert http.get(path).status_code == 200
    for path in ("/v2/", "/v2/a/b/tags/list", "/v2/a/b/manifests/1", "/registry2/v2/", "/registryv2/"):
        assert http.get(path).status_code == 404
    place = transfer.location(http.post("/registry/v2/a/b/blobs/uploads/"))
    assert transfer.finish_upload(http, place, images.digest_of(b"x"), b"x").status_code == 201
    assert http.get(f"/registry/v2/a/b/blobs/{images.digest_of(b'x')}").content == b"x"


def test_configured_headers(start_server: StartServer) -> None:
    """``http.headers`` stand on every answer of the API, errors and manifests included, each once with all its values,
    also where they are ours as well; the root has none of them.
    """
    headers = {"x-content-type-options": ["nosniff"], "Access-Control-Allow-Origin": ["*"], "X-Several": ["a", "b"]}
    http = start_server({"http": {"headers": headers}}).client()
    made = transfer.push(http, "a/b", images.image(layers=1), "1")
    paths = ["/v2/", "/v2/none", "/v2/a/b/manifests/1", f"/v2/a/b/blobs/{made.blobs[0].digest}", "/v2/a/b/tags/list"]
    for path in paths:
        answer = http.get(path)
        assert answer.headers["Access-Control-Allow-Origin"] == "*", path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["X-Several"] == "a, b", path
    assert http.post("/v2/").headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in http.get("/").headers


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # httpcore leaks refused sockets
def test_a_unix_socket(start_server: StartServer, tmp_path: Path) -> None:
    """``http.net: unix`` serves the same on a socket file, which is gone after the end."""
    path = tmp_path / "registry.sock"
    server = start_server({"http": {"addr": str(path), "net": "unix"}})
    http = server.client()
    made = transfer.push(http, "a/b", images.index(), "1")
    transfer.assert_serves(http, "a/b", made, ["1"])
    assert path.is_socket()
    assert server.stop() == 0
    assert not path.exists()
