# SPDX-License-Identifier: Apache-2.0
"""Every way to push a blob: in one step, in two, streamed, in chunks, mounted; and how far an upload is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from support import images, transfer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from support.server import Server


def _assert_created(answer: httpx.Response, repository: str, digest: str) -> None:
    """201 with the blob's relative Location and its digest, and no body."""
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v2/{repository}/blobs/{digest}"
    assert answer.headers["Docker-Content-Digest"] == digest
    assert answer.headers["Content-Length"] == "0"


def _pieces(data: bytes, size: int = 10_000) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
class TestBothAlgorithms:
    """With sha256 and with sha512, of which the client announces the second or does not."""

    @pytest.mark.parametrize("streamed", [False, True])
    def test_in_one_step(self, http: httpx.Client, repository: str, algorithm: str, streamed: bool) -> None:
        """POST with the digest and the body creates the blob at once, with a length or streamed."""
        content = images.blob(50_000, algorithm)
        body = _pieces(content.data) if streamed else content.data
        answer = http.post(f"/v2/{repository}/blobs/uploads/", params={"digest": content.digest}, content=body)
        _assert_created(answer, repository, content.digest)
        assert transfer.pull_blob(http, repository, content.digest) == content.data

    @pytest.mark.parametrize("announced", [False, True])
    @pytest.mark.parametrize("streamed", [False, True])
    def test_in_one_put(
        self, http: httpx.Client, repository: str, algorithm: str, streamed: bool, announced: bool
    ) -> None:
        """POST, then one PUT with the whole body."""
        content = images.blob(50_000, algorithm)
        params = {"digest-algorithm": algorithm} if announced else {}
        place = transfer.begin_upload(http, repository, **params)
        target = place.copy_add_param("digest", content.digest)
        answer = http.put(target, content=_pieces(content.data) if streamed else content.data)
        _assert_created(answer, repository, content.digest)
        assert transfer.pull_blob(http, repository, content.digest) == content.data

    @pytest.mark.parametrize("announced", [False, True])
    @pytest.mark.parametrize("ranges", [False, True])
    def test_in_chunks(self, registry: Server, repository: str, algorithm: str, ranges: bool, announced: bool) -> None:
        """PATCH after PATCH, each on a connection of its own, so on both workers, with the last bytes in the PUT."""
        content = images.blob(500_000, algorithm)
        params = {"digest-algorithm": algorithm} if announced else {}
        place = transfer.begin_upload(registry.client(), repository, **params)
        for start in range(0, 400_000, 100_000):
            http = registry.client()
            place = transfer.append(http, place, content.data[start : start + 100_000], start=start if ranges else None)
            http.close()
        answer = transfer.finish_upload(registry.client(), place, content.digest, content.data[400_000:])
        _assert_created(answer, repository, content.digest)
        assert transfer.pull_blob(registry.client(), repository, content.digest) == content.data

    def test_streamed_by_docker(self, http: httpx.Client, repository: str, algorithm: str) -> None:
        """One PATCH without length, type and range, then an empty PUT: what docker sends."""
        content = images.blob(300_000, algorithm)
        place = transfer.begin_upload(http, repository)
        answer = http.patch(place, content=_pieces(content.data))
        assert answer.status_code == 202
        assert answer.headers["Range"] == "0-299999"
        _assert_created(
            transfer.finish_upload(http, transfer.location(answer), content.digest), repository, content.digest
        )
        assert transfer.pull_blob(http, repository, content.digest) == content.data


def test_an_upload_tells_how_far_it_is(http: httpx.Client, repository: str) -> None:
    """POST, PATCH and status answer with Location, Docker-Upload-UUID and Range, whose end is the last byte's place;
    status is 204 and without a body.
    """
    begun = http.post(f"/v2/{repository}/blobs/uploads/")
    assert (begun.status_code, begun.headers["Range"], begun.content) == (202, "0-0", b"")
    upload = begun.headers["Docker-Upload-UUID"]
    assert str(UUID(upload)) == upload
    assert begun.headers["Location"] == f"/v2/{repository}/blobs/uploads/{upload}"
    for sent, shown in ((1, "0-0"), (1, "0-1"), (98, "0-99")):
        patched = http.patch(begun.headers["Location"], content=b"x" * sent)
        assert (patched.status_code, patched.headers["Range"]) == (202, shown)
        status = http.get(begun.headers["Location"])
        assert (status.status_code, status.headers["Range"], status.content) == (204, shown, b"")
        for answer in (patched, status):
            assert answer.headers["Docker-Upload-UUID"] == upload
            assert answer.headers["Location"] == begun.headers["Location"]


def test_out_of_order_then_status_then_on(http: httpx.Client, repository: str) -> None:
    """A client that was told 416 asks for the status, goes on from there, and ends with the right blob."""
    content = images.blob(30_000)
    place = transfer.append(http, transfer.begin_upload(http, repository), content.data[:10_000], start=0)
    headers = {"Content-Range": "20000-29999", "Content-Type": images.OCTETS}
    assert http.patch(place, content=content.data[20_000:], headers=headers).status_code == 416
    offset = int(http.get(place).headers["Range"].partition("-")[2]) + 1
    assert offset == 10_000
    place = transfer.append(http, place, content.data[offset:20_000], start=offset)
    final = http.put(place.copy_add_param("digest", content.digest), content=content.data[20_000:], headers=headers)
    _assert_created(final, repository, content.digest)
    assert transfer.pull_blob(http, repository, content.digest) == content.data


def test_an_upload_survives_a_restart(server: Server) -> None:
    """What was sent before the registry was restarted counts: the client goes on and closes."""
    content = images.blob(30_000)
    http = server.client()
    place = transfer.append(http, transfer.begin_upload(http, "restarted"), content.data[:7000])
    server.restart()
    http = server.client()
    assert http.get(place).headers["Range"] == "0-6999"
    place = transfer.append(http, place, content.data[7000:], start=7000)
    _assert_created(transfer.finish_upload(http, place, content.digest), "restarted", content.digest)


def test_cancel(http: httpx.Client, registry: Server, repository: str) -> None:
    """DELETE answers 204 and the upload is gone, with its bytes; its blob never was there."""
    content = images.blob(5000)
    place = transfer.append(http, transfer.begin_upload(http, repository), content.data)
    upload = place.path.rpartition("/")[2]
    assert list(registry.root.rglob(upload))
    answer = http.delete(place)
    assert (answer.status_code, answer.headers["Docker-Upload-UUID"]) == (204, upload)
    assert http.get(place).status_code == 404
    assert http.delete(place).status_code == 404
    assert not list(registry.root.rglob(upload))
    assert http.head(f"/v2/{repository}/blobs/{content.digest}").status_code == 404


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("named", [True, False])
def test_mount(http: httpx.Client, repository: str, named: bool, algorithm: str) -> None:
    """A blob of another repository is mounted with 201 and no byte sent, also where that one is not named."""
    content = images.blob(5000, algorithm)
    transfer.push_blob(http, "mount/source", content)
    target = f"/v2/{repository}/blobs/{content.digest}"
    assert http.head(target).status_code == 404
    params = {"mount": content.digest, **({"from": "mount/source"} if named else {})}
    _assert_created(http.post(f"/v2/{repository}/blobs/uploads/", params=params), repository, content.digest)
    assert transfer.pull_blob(http, repository, content.digest) == content.data
    assert http.delete(f"/v2/mount/source/blobs/{content.digest}").status_code == 202
    assert transfer.pull_blob(http, repository, content.digest) == content.data


@pytest.mark.parametrize(
    ("digest", "source"),
    [
        (images.digest_of(b"unknown"), "mount/source"),
        (images.digest_of(b"unknown"), None),
        ("sha256:x", "mount/source"),
        ("", None),
        (None, "mount/none"),
        (None, "BAD/../NAME"),
    ],
)
def test_what_cannot_be_mounted_becomes_an_upload(
    http: httpx.Client, repository: str, digest: str | None, source: str | None
) -> None:
    """An unknown digest or repository answers 202 with an upload, into which the client then pushes."""
    content = images.blob(5000)
    transfer.push_blob(http, "mount/source", content)
    params = {"mount": content.digest if digest is None else digest, **({"from": source} if source else {})}
    place = transfer.begin_upload(http, repository, **params)
    assert http.head(f"/v2/{repository}/blobs/{content.digest}").status_code == 404
    _assert_created(transfer.finish_upload(http, place, content.digest, content.data), repository, content.digest)


def test_the_same_blob_by_many_at_once(registry: Server, repository: str) -> None:
    """Uploads of one digest that close at the same time, in one repository or several, all succeed."""
    content = images.blob(300_000)

    def push(number: int) -> httpx.Response:
        http = registry.client()
        place = transfer.append(http, transfer.begin_upload(http, f"{repository}{number % 3}"), content.data)
        return transfer.finish_upload(http, place, content.digest)

    with ThreadPoolExecutor(12) as pool:
        for number, answer in enumerate(pool.map(push, range(24))):
            _assert_created(answer, f"{repository}{number % 3}", content.digest)
    for number in range(3):
        assert transfer.pull_blob(registry.client(), f"{repository}{number}", content.digest) == content.data


def test_chunks_may_be_of_any_size(http: httpx.Client, repository: str) -> None:
    """Where POST announces a smallest chunk, smaller ones are still taken: nothing is announced that is not meant."""
    begun = http.post(f"/v2/{repository}/blobs/uploads/")
    assert "OCI-Chunk-Min-Length" not in begun.headers
    place = transfer.location(begun)
    for start, byte in enumerate(b"abc"):
        place = transfer.append(http, place, bytes([byte]), start=start)
    assert transfer.finish_upload(http, place, images.digest_of(b"abc")).status_code == 201
