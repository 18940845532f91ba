# SPDX-License-Identifier: Apache-2.0
"""Manifests that are refused, each with a sentence that says why; nothing of them is ever served."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support import images, transfer
from support.wire import Wire, ask, chunk, request

if TYPE_CHECKING:
    import httpx

    from support.server import Server

MAX = 4 * 1024 * 1024
DESCRIPTOR = images.blob(0).descriptor()
DEEP = 100_000
LISTS = b"[" * DEEP + b"]" * DEEP
OBJECTS = b'{"a":' * DEEP + b"1" + b"}" * DEEP

NOT_JSON = {
    "empty": b"",
    "text": b"no json",
    "cut": b'{"schemaVersion": 2',
    "two documents": b"{}{}",
    "a list": b"[]",
    "a string": b'"x"',
    "a number": b"2",
    "null": b"null",
    "NaN": b'{"schemaVersion": NaN}',
    "Infinity": b'{"schemaVersion": 2, "x": -Infinity}',
    "not UTF-8": b'{"schemaVersion": 2, "x": "\xff\xfe"}',
    "UTF-16": '{"schemaVersion": 2}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a number of 10,000 digits": b'{"schemaVersion": ' + b"9" * 10_000 + b"}",
    "nested lists": LISTS,
    "nested objects": OBJECTS,
    "nested lists in a field": b'{"schemaVersion": 2, "x": ' + LISTS + b"}",
    "nested lists in annotations": b'{"schemaVersion": 2, "annotations": ' + LISTS + b"}",
    "nested without an end": b"[" * (MAX - 1),
    "nul bytes": b"\0" * 1000,
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0",
}


def _put(http: httpx.Client, repository: str, data: bytes, media_type: str = images.OCI_MANIFEST) -> httpx.Response:
    headers = {"Content-Type": media_type} if media_type else {}
    return http.put(f"/v2/{repository}/manifests/bad", content=data, headers=headers)


def _assert_refused(http: httpx.Client, repository: str, data: bytes, answer: httpx.Response) -> dict[str, Any]:
    """One error, 400 MANIFEST_INVALID with a sentence; neither tag nor digest are there."""
    assert answer.status_code == 400, answer.text[:500]
    [error] = answer.json()["errors"]
    assert error["code"] == "MANIFEST_INVALID"
    assert isinstance(error["detail"], str)
    assert 10 < len(error["detail"]) < 1000
    for reference in ("bad", images.digest_of(data)):
        assert http.head(f"/v2/{repository}/manifests/{reference}").status_code == 404
    return dict(error)


@pytest.mark.parametrize("media_type", [images.OCI_MANIFEST, images.OCI_INDEX, ""])
@pytest.mark.parametrize("data", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_json_is_refused(http: httpx.Client, repository: str, data: bytes, media_type: str) -> None:
    """Whatever is no JSON object, however deep or odd, gets 400 MANIFEST_INVALID and is not kept."""
    _assert_refused(http, repository, data, _put(http, repository, data, media_type))


IMAGE: dict[str, Any] = {"schemaVersion": 2, "config": DESCRIPTOR, "layers": [DESCRIPTOR]}
INDEX: dict[str, Any] = {"schemaVersion": 2, "manifests": [{**DESCRIPTOR, "mediaType": images.OCI_MANIFEST}]}


def _sized(size: object) -> dict[str, Any]:
    return {**DESCRIPTOR, "size": size}


WRONG_IMAGES: dict[str, dict[str, Any]] = {
    "schemaVersion missing": {"schemaVersion": None},
    "schemaVersion 3": {"schemaVersion": 3},
    "schemaVersion as text": {"schemaVersion": "2"},
    "schemaVersion as list": {"schemaVersion": [2]},
    "mediaType a number": {"mediaType": 7},
    "mediaType an object": {"mediaType": {}},
    "mediaType of an index": {"mediaType": images.OCI_INDEX},
    "mediaType of docker": {"mediaType": images.DOCKER_MANIFEST},
    "mediaType unknown": {"mediaType": "application/json"},
    "mediaType half a surrogate": {"mediaType": "\ud800"},
    "config missing": {"config": None},
    "config text": {"config": "x"},
    "config a list": {"config": [DESCRIPTOR]},
    "config empty": {"config": {}},
    "layers an object": {"layers": DESCRIPTOR},
    "layers text": {"layers": "x"},
    "layers of text": {"layers": ["x"]},
    "layers of null": {"layers": [None]},
    "layers of lists": {"layers": [[DESCRIPTOR]]},
    "20,001 layers": {"layers": [DESCRIPTOR] * 20_001},
    "manifests in an image": {"manifests": []},
    "size negative": {"layers": [_sized(-1)]},
    "size of the config negative": {"config": _sized(-(2**62))},
    "size text": {"layers": [_sized("1")]},
    "size a fraction": {"layers": [_sized(1.5)]},
    "size 1e3": {"layers": [_sized(1e3)]},
    "size true": {"layers": [_sized(True)]},
    "size null": {"layers": [_sized(None)]},
    "size 2**63": {"layers": [_sized(2**63)]},
    "size of 4,000 digits": {"layers": [_sized(10**3999)]},
    "digest missing": {"layers": [{"mediaType": "x", "size": 1}]},
    "digest a number": {"layers": [{**DESCRIPTOR, "digest": 1}]},
    "digest md5": {"layers": [{**DESCRIPTOR, "digest": "md5:" + "0" * 32}]},
    "digest climbing": {"layers": [{**DESCRIPTOR, "digest": "sha256:../../../../etc/passwd"}]},
    "digest in upper case": {"layers": [{**DESCRIPTOR, "digest": DESCRIPTOR["digest"].upper()}]},
    "layer type a list": {"layers": [{**DESCRIPTOR, "mediaType": ["x"]}]},
    "urls text": {"layers": [{**DESCRIPTOR, "urls": "http://x"}]},
    "urls of numbers": {"layers": [{**DESCRIPTOR, "urls": [1]}]},
    "urls of files": {"layers": [{**DESCRIPTOR, "urls": ["file:///etc/passwd"]}]},
    "urls half a surrogate": {"layers": [{**DESCRIPTOR, "urls": ["\ud800"]}]},
    "subject text": {"subject": "x"},
    "subject a list": {"subject": []},
    "subject without digest": {"subject": {"mediaType": images.OCI_MANIFEST, "size": 1}},
    "subject size negative": {"subject": {**DESCRIPTOR, "size": -1}},
    "annotations a list": {"annotations": []},
    "annotations of numbers": {"annotations": {"a": 1}},
    "annotations nested": {"annotations": {"a": {"b": "c"}}},
    "annotation of half a surrogate": {"annotations": {"a": "\ud800"}},
    "annotation's name half a surrogate": {"annotations": {"\udfff": "b"}},
    "artifactType a number": {"artifactType": 1},
    "artifactType half a surrogate": {"artifactType": "a/\ud800"},
    "artifactType with a NUL": {"artifactType": "a/\0b"},
    "platform text": {"layers": [{**DESCRIPTOR, "platform": "linux"}]},
}

WRONG_INDEXES: dict[str, dict[str, Any]] = {
    "config in an index": {"config": DESCRIPTOR},
    "layers in an index": {"layers": []},
    "manifests an object": {"manifests": {}},
    "manifests of numbers": {"manifests": [1]},
    "size negative": {"manifests": [_sized(-1)]},
    "mediaType of an image": {"mediaType": images.OCI_MANIFEST},
    "platform text": {"manifests": [{**DESCRIPTOR, "platform": "linux"}]},
    "os a number": {"manifests": [{**DESCRIPTOR, "platform": {"os": 1, "architecture": "x"}}]},
    "artifactType half a surrogate": {"artifactType": "\ud800"},
}


@pytest.mark.parametrize("change", WRONG_IMAGES.values(), ids=WRONG_IMAGES)
def test_an_image_of_wrong_types_is_refused(http: httpx.Client, repository: str, change: dict[str, Any]) -> None:
    """Each field of a wrong type or value gets 400 MANIFEST_INVALID that names it; without the change it is taken."""
    data = json.dumps({**IMAGE, **change}).encode()
    _assert_refused(http, repository, data, _put(http, repository, data))
    transfer.push_blob(http, repository, images.Content(b""))
    assert _put(http, repository, json.dumps(IMAGE).encode()).status_code == 201


@pytest.mark.parametrize("change", WRONG_INDEXES.values(), ids=WRONG_INDEXES)
def test_an_index_of_wrong_types_is_refused(http: httpx.Client, repository: str, change: dict[str, Any]) -> None:
    """Each field of a wrong type or value gets 400 MANIFEST_INVALID; an index of nothing is taken."""
    data = json.dumps({**INDEX, **change}).encode()
    _assert_refused(http, repository, data, _put(http, repository, data, images.OCI_INDEX))
    assert _put(http, repository, b'{"schemaVersion": 2, "manifests": []}', images.OCI_INDEX).status_code == 201


@pytest.mark.parametrize(
    ("content_type", "claimed"),
    [
        (images.OCI_MANIFEST, images.OCI_INDEX),
        (images.OCI_INDEX, images.OCI_MANIFEST),
        (images.DOCKER_MANIFEST, images.OCI_MANIFEST),
        (images.DOCKER_MANIFEST, None),
        (images.DOCKER_LIST, None),
        ("application/json", None),
        ("application/json", images.OCI_MANIFEST),
        ("text/plain", None),
        ("application/vnd.oci.image.config.v1+json", None),
        ("x" * 5000, None),
        ("", "application/x-unknown"),
    ],
)
def test_a_wrong_or_contradicting_media_type(
    http: httpx.Client, repository: str, content_type: str, claimed: str | None
) -> None:
    """Content-Type and mediaType that differ, or name no manifest, get 400 that says what was found."""
    document = INDEX if content_type in {images.OCI_INDEX, images.DOCKER_LIST} else IMAGE
    data = json.dumps(document if claimed is None else {**document, "mediaType": claimed}).encode()
    error = _assert_refused(http, repository, data, _put(http, repository, data, content_type))
    assert (claimed or content_type)[:40] in error["detail"]


@pytest.mark.parametrize("content_type", ["", "v1+json", "v1+prettyjws"])
def test_schema_1_is_refused_with_the_way_to_convert(http: httpx.Client, repository: str, content_type: str) -> None:
    """Docker schema 1, by its version or its type, gets 400 with a command that converts the image."""
    document = {"schemaVersion": 1, "name": repository, "tag": "1", "fsLayers": [], "history": [], "signatures": []}
    media_type = f"application/vnd.docker.distribution.manifest.{content_type}" if content_type else ""
    data = json.dumps(document).encode()
    error = _assert_refused(http, repository, data, _put(http, repository, data, media_type))
    assert "skopeo copy --format v2s2" in error["detail"]


def test_every_missing_blob_is_named(http: httpx.Client, repository: str) -> None:
    """400 with one MANIFEST_BLOB_UNKNOWN for each digest that is not here, and none for what is; config included.

    With the blobs in another repository it is the same; with them here the manifest is taken.
    """
    made = images.image(layers=4)
    transfer.push_blob(http, repository, made.blobs[1])
    for blob in made.blobs:
        transfer.push_blob(http, "elsewhere", blob)
    answer = _put(http, repository, made.data)
    assert answer.status_code == 400
    errors = answer.json()["errors"]
    assert {error["code"] for error in errors} == {"MANIFEST_BLOB_UNKNOWN"}
    missing = [blob.digest for blob in made.blobs if blob is not made.blobs[1]]
    assert sorted(error["detail"] for error in errors) == sorted(missing)
    assert http.head(f"/v2/{repository}/manifests/{made.digest}").status_code == 404
    transfer.push(http, repository, made, "bad")


def test_every_missing_child_is_named(http: httpx.Client, repository: str) -> None:
    """400 with one MANIFEST_BLOB_UNKNOWN for each child that is not here, also where a blob of its bytes is."""
    children = [images.image(layers=1) for _ in range(3)]
    made = images.index(children)
    transfer.push(http, repository, children[0])
    transfer.push_blob(http, repository, children[1])
    answer = _put(http, repository, made.data, images.OCI_INDEX)
    assert answer.status_code == 400
    assert sorted(error["detail"] for error in answer.json()["errors"]) == sorted(c.digest for c in children[1:])
    assert http.head(f"/v2/{repository}/manifests/{made.digest}").status_code == 404
    transfer.push(http, repository, made, "bad")


def test_the_largest_manifest_is_taken_and_one_byte_more_is_not(registry: Server, http: httpx.Client) -> None:
    """4 MiB are taken. One byte more gets 413 MANIFEST_INVALID, before it is sent where the length is announced, and
    also where a chunked body shows it on the way; the tag stays where it was.
    """
    data = b'{"schemaVersion": 2, "manifests": []}'
    largest, more = data.ljust(MAX), data.ljust(MAX + 1)
    kind = f"Content-Type: {images.OCI_INDEX}"
    for chunked in (False, True):
        target = f"/v2/large/manifests/{chunked}"
        form = request("PUT", target, kind, "Transfer-Encoding: chunked")
        replies = [
            ask(
                registry.host,
                form + chunk(body) + chunk(b"") if chunked else request("PUT", target, kind, body=body),
            )
            for body in (largest, more)
        ]
        assert [reply.status for reply in replies] == [201, 413]
        assert replies[1].code == "MANIFEST_INVALID"
        assert str(MAX) in replies[1].errors[0]["detail"]
        assert len(http.get(target).content) == MAX
    with Wire(registry.host) as wire:
        huge = request("PUT", "/v2/large/manifests/huge", kind, "Content-Length: 999999999999", "Expect: 100-continue")
        assert wire.send(huge).reply().status == 413


@pytest.mark.parametrize(
    "change",
    [
        {"mediaType": "x" * MAX},
        {"annotations": {"x" * MAX: 1}},
        {"layers": [{**DESCRIPTOR, "digest": "x" * MAX}]},
        {"layers": [{**DESCRIPTOR, "urls": ["x" * MAX]}]},
    ],
)
def test_a_refusal_does_not_repeat_megabytes(http: httpx.Client, repository: str, change: dict[str, Any]) -> None:
    """However long the value that is refused, the sentence about it is short."""
    data = json.dumps({**IMAGE, **change}).replace("x" * MAX, "x" * (MAX - 1000)).encode()
    _assert_refused(http, repository, data, _put(http, repository, data))
