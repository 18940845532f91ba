# SPDX-License-Identifier: Apache-2.0
"""Blobs read whole, in part, on condition; held by one repository and not by another; deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import images, transfer

if TYPE_CHECKING:
    import httpx

SIZE = 100_000


@pytest.fixture(params=["sha256", "sha512"])
def content(request: pytest.FixtureRequest, http: httpx.Client) -> images.Content:
    """A blob in the repository `b/lob`."""
    made = images.blob(SIZE, request.param)
    transfer.push_blob(http, "b/lob", made)
    return made


def test_a_blob_is_served_whole(http: httpx.Client, content: images.Content) -> None:
    """GET and HEAD answer 200 with the length, the digest, a quoted ETag and headers that keep it from rendering."""
    path = f"/v2/b/lob/blobs/{content.digest}"
    for method in ("GET", "HEAD"):
        answer = http.request(method, path)
        assert answer.status_code == 200
        assert answer.content == (content.data if method == "GET" else b"")
        expected = {
            "Content-Length": str(SIZE),
            "Content-Type": images.OCTETS,
            "Docker-Content-Digest": content.digest,
            "ETag": f'"{content.digest}"',
            "Accept-Ranges": "bytes",
            "Cache-Control": "max-age=31536000",
            "X-Content-Type-Options": "nosniff",
            "Docker-Distribution-Api-Version": "registry/2.0",
        }
        assert {name: answer.headers.get(name) for name in expected} == expected
        assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=500-999", 500, 1000),
        ("bytes=99999-", SIZE - 1, SIZE),
        ("bytes=50000-", 50_000, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        ("bytes=-500", SIZE - 500, SIZE),
        ("bytes=-200000", 0, SIZE),
        ("bytes=99990-200000", 99_990, SIZE),
        ("bytes=0-", 0, SIZE),
    ],
)
def test_a_part(http: httpx.Client, content: images.Content, asked: str, start: int, end: int) -> None:
    """A range answers 206 with exactly its bytes and its place in the whole; HEAD the same without them."""
    for method in ("GET", "HEAD"):
        answer = http.request(method, f"/v2/b/lob/blobs/{content.digest}", headers={"Range": asked})
        assert answer.status_code == 206
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
        assert answer.headers["Content-Length"] == str(end - start)
        assert answer.headers["Docker-Content-Digest"] == content.digest
        assert answer.content == (content.data[start:end] if method == "GET" else b"")


@pytest.mark.parametrize("asked", ["bytes=100000-", "bytes=100000-100001", "bytes=-0", "bytes=999999999999-"])
def test_a_part_beyond_the_end(http: httpx.Client, content: images.Content, asked: str) -> None:
    """A range with no byte of the blob answers 416 with its size and a JSON error whose length is told right."""
    answer = http.get(f"/v2/b/lob/blobs/{content.digest}", headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    assert answer.json()["errors"][0]["code"] == "RANGE_INVALID"
    assert int(answer.headers["Content-Length"]) == len(answer.content)


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "items=0-1", "bytes", "bytes=a-b", "bytes=-", "0-1", "bytes=1--2"])
def test_a_range_that_is_to_be_ignored(http: httpx.Client, content: images.Content, asked: str) -> None:
    """Several ranges, other units and nonsense are ignored, as HTTP allows: the whole blob with 200."""
    answer = http.get(f"/v2/b/lob/blobs/{content.digest}", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, content.data)


def test_a_part_on_condition(http: httpx.Client, content: images.Content) -> None:
    """If-Range with the blob's ETag gives the part, with another one the whole."""
    path = f"/v2/b/lob/blobs/{content.digest}"
    same = http.get(path, headers={"Range": "bytes=0-9", "If-Range": f'"{content.digest}"'})
    assert (same.status_code, len(same.content)) == (206, 10)
    other = http.get(path, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
    assert (other.status_code, len(other.content)) == (200, SIZE)


@pytest.mark.parametrize("form", ['"{}"', "{}", 'W/"{}"', '"x", "{}"', "*"])
def test_a_client_that_has_it_gets_304(http: httpx.Client, content: images.Content, form: str) -> None:
    """If-None-Match with the digest, in the forms that clients send, answers 304 without a body, and keeps the ETag."""
    headers = {"If-None-Match": form.format(content.digest)}
    for method in ("GET", "HEAD"):
        answer = http.request(method, f"/v2/b/lob/blobs/{content.digest}", headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["ETag"] == f'"{content.digest}"'
    other = http.get(f"/v2/b/lob/blobs/{content.digest}", headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.content) == (200, content.data)


def test_the_empty_blob(http: httpx.Client) -> None:
    """A blob of no bytes is pushed and served; no part of it can be asked for."""
    empty = images.Content(b"")
    transfer.push_blob(http, "b/lob", empty)
    answer = http.get(f"/v2/b/lob/blobs/{empty.digest}")
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    assert http.get(f"/v2/b/lob/blobs/{empty.digest}", headers={"Range": "bytes=0-"}).status_code == 416


def test_a_large_blob(http: httpx.Client) -> None:
    """Megabytes go in and out on one connection, whole and in part, and the next request finds its place."""
    large = images.Content(bytes(range(256)) * 65536)
    transfer.push_blob(http, "b/large", large)
    assert transfer.pull_blob(http, "b/large", large.digest) == large.data
    part = http.get(f"/v2/b/large/blobs/{large.digest}", headers={"Range": "bytes=1000001-9000000"})
    assert part.content == large.data[1_000_001:9_000_001]
    assert http.get("/v2/").status_code == 200


def test_an_unknown_blob(http: httpx.Client, content: images.Content) -> None:
    """A digest that this repository does not hold answers 404 with the digest, also where another one holds it."""
    for name, digest in (("b/lob", images.digest_of(b"none")), ("b/other", content.digest), ("b", content.digest)):
        answer = http.get(f"/v2/{name}/blobs/{digest}")
        assert answer.status_code == 404
        assert answer.json()["errors"] == [
            {"code": "BLOB_UNKNOWN", "message": "blob unknown to registry", "detail": digest}
        ]


def test_deleting_takes_a_blob_from_one_repository_alone(http: httpx.Client, content: images.Content) -> None:
    """DELETE answers 202 and the repository holds the blob no more; another one does; again it is 404; and it can be
    pushed again.
    """
    transfer.push_blob(http, "b/keeps", content)
    path = f"/v2/b/lob/blobs/{content.digest}"
    assert http.head(path).status_code == 200
    assert http.delete(path).status_code == 202
    assert http.get(path).status_code == 404
    assert http.head(path).status_code == 404
    again = http.delete(path)
    assert again.status_code == 404
    assert again.json()["errors"][0]["code"] == "BLOB_UNKNOWN"
    assert transfer.pull_blob(http, "b/keeps", content.digest) == content.data
    transfer.push_blob(http, "b/lob", content)
    assert transfer.pull_blob(http, "b/lob", content.digest) == content.data
