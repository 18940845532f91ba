# SPDX-License-Identifier: Apache-2.0
"""Uploads that are not there or another repository's, and chunks that overlap, skip or lie."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from support import images, transfer
from support.waiting import until
from support.wire import Wire, ask, chunk, request

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from support.server import Server

UNKNOWN = "9fd6e2a3-14a7-4f8b-8b4c-0a9d6b7c5e10"
METHODS = ["GET", "HEAD", "PATCH", "PUT", "DELETE"]
QUERY = "?digest=" + images.digest_of(b"")


def _requests(target: str) -> list[tuple[str, bytes]]:
    return [(method, request(method, target + (QUERY if method == "PUT" else ""))) for method in METHODS]


@pytest.mark.parametrize(
    "tail",
    [
        "x",
        "0",
        "..",
        "%2e%2e",
        "%00",
        "..%5c..",
        "a" * 3000,
        str(UUID(int=0)),
        UNKNOWN,
        UNKNOWN.upper(),
        UNKNOWN.replace("-", ""),
        "{" + UNKNOWN + "}",
        "urn:uuid:" + UNKNOWN,
        UNKNOWN + "%00",
        UNKNOWN + "%0a",
        UNKNOWN + "%20",
    ],
)
def test_an_unknown_or_malformed_upload_is_404(registry: Server, http: httpx.Client, tail: str) -> None:
    """Every method on an upload that never began answers 404 BLOB_UPLOAD_UNKNOWN, in a repository that exists."""
    transfer.begin_upload(http, "unknown/uploads")
    for method, data in _requests(f"/v2/unknown/uploads/blobs/uploads/{tail}"):
        reply = ask(registry.host, data, head=method == "HEAD")
        assert reply.status == 404, method
        if method != "HEAD":
            assert reply.code == "BLOB_UPLOAD_UNKNOWN"


def test_other_spellings_of_a_known_upload_are_not_it(registry: Server, http: httpx.Client, repository: str) -> None:
    """An upload answers to its id as it was given, and to no other spelling of the same number."""
    place = transfer.begin_upload(http, repository)
    given = UUID(place.path.rpartition("/")[2])
    others = [str(given).upper(), given.hex, "{" + str(given) + "}", f"{given}%20", f"{given}%2f", f"x%2f..%2f{given}"]
    for other in others:
        for method, data in _requests(f"/v2/{repository}/blobs/uploads/{other}"):
            assert ask(registry.host, data, head=method == "HEAD").status in {400, 404}, (method, other)
    assert http.get(place).status_code == 204


@pytest.mark.parametrize("method", METHODS)
def test_an_upload_of_another_repository_is_404(http: httpx.Client, repository: str, method: str) -> None:
    """An upload answers in the repository where it began alone, also not in one nested in it or around it."""
    place = transfer.append(http, transfer.begin_upload(http, repository), b"mine")
    upload = place.path.rpartition("/")[2]
    for name in ("foreign", f"{repository}/nested", repository.rpartition("/")[0]):
        answer = http.request(method, f"/v2/{name}/blobs/uploads/{upload}{QUERY}")
        assert answer.status_code == 404, name
    assert http.get(place).headers["Range"] == "0-3"
    assert transfer.finish_upload(http, place, images.digest_of(b"mine")).status_code == 201


@pytest.mark.parametrize("ending", ["finished", "cancelled", "refused"])
@pytest.mark.parametrize("method", METHODS)
def test_an_upload_that_ended_is_404(http: httpx.Client, repository: str, ending: str, method: str) -> None:
    """After its closing PUT, its cancelling, or a digest that did not match, every method answers 404."""
    place = transfer.append(http, transfer.begin_upload(http, repository), b"data")
    assert http.get(place).status_code == 204
    if ending == "cancelled":
        assert http.delete(place).status_code == 204
    else:
        right = images.digest_of(b"data" if ending == "finished" else b"other")
        assert transfer.finish_upload(http, place, right).status_code == (201 if ending == "finished" else 400)
    answer = http.request(method, f"{place}{QUERY}")
    assert answer.status_code == 404
    assert method == "HEAD" or answer.json()["errors"][0]["code"] == "BLOB_UPLOAD_UNKNOWN"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    ("start", "why"), [(0, "repeats"), (5, "overlaps"), (11, "skips one"), (1000, "skips"), (10**18, "far away")]
)
def test_a_chunk_out_of_order_is_416(http: httpx.Client, repository: str, method: str, start: int, why: str) -> None:
    """A chunk that does not begin where the upload ends gets 416 with the current Range and both offsets; no byte of
    it gets in, and the chunk at the right place then does.
    """
    place = transfer.append(http, transfer.begin_upload(http, repository), b"0123456789", start=0)
    headers = {"Content-Range": f"{start}-{start + 4}", "Content-Type": images.OCTETS}
    digest = images.digest_of(b"0123456789abcde")
    target = place.copy_add_param("digest", digest) if method == "PUT" else place
    answer = http.request(method, target, content=b"abcde", headers=headers)
    assert answer.status_code == 416, why
    [error] = answer.json()["errors"]
    assert error["code"] == "RANGE_INVALID"
    assert str(start) in error["detail"]
    assert "10" in error["detail"]
    assert answer.headers["Range"] == http.get(place).headers["Range"] == "0-9"
    place = transfer.append(http, place, b"abcde", start=10)
    assert transfer.finish_upload(http, place, digest).status_code == 201


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("end", [0, 3, 5, 100, 10**17])
def test_a_content_range_that_lies(
    registry: Server, http: httpx.Client, repository: str, method: str, end: int, chunked: bool
) -> None:
    """Content-Range and a body of another length get 400 SIZE_INVALID, also where the body is chunked and shows its
    length only at its end. Nothing beyond the range gets in; what the status then shows can be continued.
    """
    place = transfer.begin_upload(http, repository)
    target = place.path + ("?digest=" + images.digest_of(b"abcde") if method == "PUT" else "")
    lie = f"Content-Range: 0-{end}"
    form = request(method, target, lie, "Transfer-Encoding: chunked") + chunk(b"abc") + chunk(b"de") + chunk(b"")
    reply = ask(registry.host, form if chunked else request(method, target, lie, body=b"abcde"))
    assert (reply.status, reply.code) == (400, "SIZE_INVALID")
    assert str(end + 1) in reply.errors[0]["detail"]
    [data] = registry.root.rglob(f"{place.path.rpartition('/')[2]}/data")
    arrived = data.stat().st_size
    assert arrived <= min(end + 1, 5 if chunked else 0)
    assert http.get(place).headers["Range"] == f"0-{max(arrived - 1, 0)}"
    if arrived < 5:
        place = transfer.append(http, place, b"abcde"[arrived:], start=arrived)
    assert transfer.finish_upload(http, place, images.digest_of(b"abcde")).status_code == 201


@pytest.mark.parametrize(
    "header",
    ["x", "0", "-", "5-", "-5", "4-0", "a-b", "0-4-8", "0 - 4", "bytes */5", "items 0-4/5", "0-" + "9" * 40, ""],
)
def test_a_content_range_that_is_none(registry: Server, http: httpx.Client, repository: str, header: str) -> None:
    """A Content-Range that is no range gets 400 RANGE_INVALID, and no byte gets in."""
    place = transfer.begin_upload(http, repository)
    reply = ask(registry.host, request("PATCH", place.path, f"Content-Range: {header}", body=b"abcde"))
    assert (reply.status, reply.code) == (400, "RANGE_INVALID")
    assert header[:40] in reply.errors[0]["detail"]
    assert transfer.finish_upload(http, place, images.digest_of(b"")).status_code == 201


@pytest.mark.parametrize("header", ["bytes 0-4/5", "bytes 0-4/*", "bytes=0-4", "0-4"])
def test_forms_of_content_range_that_clients_send(http: httpx.Client, repository: str, header: str) -> None:
    """``bytes`` in front and a total behind are taken, since clients send them."""
    place = transfer.begin_upload(http, repository)
    answer = http.patch(place, content=b"abcde", headers={"Content-Range": header})
    assert (answer.status_code, answer.headers["Range"]) == (202, "0-4")


def test_a_chunk_of_another_content_type(http: httpx.Client, repository: str) -> None:
    """A chunk that says it is a form or JSON is refused with 400, and no byte gets in."""
    place = transfer.begin_upload(http, repository)
    for content_type in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
        answer = http.patch(place, content=b"abcde", headers={"Content-Type": content_type})
        assert answer.status_code == 400
        assert images.OCTETS in answer.json()["errors"][0]["detail"]
    assert http.get(place).headers["Range"] == "0-0"
    assert transfer.finish_upload(http, place, images.digest_of(b"")).status_code == 201


@pytest.mark.parametrize("algorithm", ["md5", "sha384", "SHA256", "sha256%00", "%2e%2e", "a" * 3000])
def test_an_upload_of_an_unknown_algorithm(registry: Server, algorithm: str) -> None:
    """POST with a digest-algorithm that is not served gets 400 DIGEST_INVALID that names those that are."""
    reply = ask(registry.host, request("POST", f"/v2/algorithms/blobs/uploads/?digest-algorithm={algorithm}"))
    assert (reply.status, reply.code) == (400, "DIGEST_INVALID")
    assert "sha256 or sha512" in reply.errors[0]["detail"]


def _uploads(registry: Server, repository: str) -> list[Path]:
    return list(registry.root.rglob(f"repositories/{repository}/_uploads/*"))


@pytest.mark.parametrize("chunked", [False, True])
def test_one_step_that_breaks_off(registry: Server, repository: str, chunked: bool) -> None:
    """A POST with digest and body whose client vanishes leaves no upload: nobody was told its id to go on with it."""
    target = f"/v2/{repository}/blobs/uploads/?digest={images.digest_of(b'never')}"
    form = "Transfer-Encoding: chunked" if chunked else "Content-Length: 1000000"
    data = bytes(300_000)
    with Wire(registry.host) as wire:
        wire.send(request("POST", target, form) + (chunk(data) if chunked else data))
        until(lambda: _uploads(registry, repository), what="an upload under way")
    until(lambda: not _uploads(registry, repository), what="an upload that is forgotten")


def test_one_step_with_another_digest(registry: Server, http: httpx.Client, repository: str) -> None:
    """A POST with a body that does not have its digest gets 400 DIGEST_INVALID and leaves no upload."""
    for body in (b"some bytes", bytes(300_000)):
        params = {"digest": images.digest_of(b"other bytes")}
        answer = http.post(f"/v2/{repository}/blobs/uploads/", params=params, content=body)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["code"] == "DIGEST_INVALID"
        assert _uploads(registry, repository) == []
