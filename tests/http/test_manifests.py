# SPDX-License-Identifier: Apache-2.0
"""Manifests and tags: pushed, pulled byte for byte, asked on condition, tagged many times, removed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.wire import ask, request

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from conftest import StartServer
    from support.server import Server

MAKERS: dict[str, Callable[[], images.Manifest]] = {
    "OCI image": images.image,
    "docker image": lambda: images.image(style="docker"),
    "OCI index": images.index,
    "docker list": lambda: images.index(style="docker"),
    "index of indexes": lambda: images.index([images.index(), images.image()]),
    "empty index": lambda: images.index([]),
    "artifact": images.artifact,
    "no layers": lambda: images.image(layers=0),
    "sha512 image": lambda: images.image(algorithm="sha512"),
    "sha512 index": lambda: images.index(algorithm="sha512"),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_manifest_comes_back_as_it_went(
    http: httpx.Client, repository: str, make: Callable[[], images.Manifest]
) -> None:
    """Every type, by sha256 and sha512: 201 with Location by digest; GET and HEAD by digest and tag give the same
    bytes, type, digest and ETag, whatever Accept says.
    """
    made = make()
    for each in made.walk():
        for blob in each.blobs:
            transfer.push_blob(http, repository, blob)
        answer = transfer.push_manifest(http, repository, each, "1.0" if each is made else None)
        assert answer.headers["Location"] == f"/v2/{repository}/manifests/{each.digest}"
        assert answer.headers["Docker-Content-Digest"] == each.digest
        assert answer.content == b""
    expected = {
        "Content-Type": made.media_type,
        "Content-Length": str(made.size),
        "Docker-Content-Digest": made.digest,
        "ETag": f'"{made.digest}"',
        "X-Content-Type-Options": "nosniff",
    }
    for reference in (made.digest, "1.0"):
        for accept in ("*/*", images.DOCKER_MANIFEST, "application/json", "text/html"):
            for method in ("GET", "HEAD"):
                url = f"/v2/{repository}/manifests/{reference}"
                answer = http.request(method, url, headers={"Accept": accept})
                assert answer.status_code == 200
                assert answer.content == (made.data if method == "GET" else b"")
                assert {name: answer.headers.get(name) for name in expected} == expected


@pytest.mark.parametrize("reference", ["1", "digest"])
@pytest.mark.parametrize("form", ['"{}"', "{}", 'W/"{}"', '"x", "{}"', "*"])
def test_a_client_that_has_it_gets_304(http: httpx.Client, repository: str, reference: str, form: str) -> None:
    """If-None-Match with the digest, quoted or not, or ``*`` answers 304 without a body; once the tag moved, the digest
    answers 200.
    """
    made = transfer.push(http, repository, images.image(layers=1), "1")
    url = f"/v2/{repository}/manifests/{made.digest if reference == 'digest' else reference}"
    headers = {"If-None-Match": form.format(made.digest)}
    answer = http.get(url, headers=headers)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["Docker-Content-Digest"] == made.digest
    moved = transfer.push(http, repository, images.image(layers=1), "1")
    answer = http.get(url, headers=headers)
    still = reference == "digest" or form == "*"
    assert answer.status_code == (304 if still else 200)
    assert answer.content == (b"" if still else moved.data)


@pytest.mark.parametrize("extra", [-1, 0, 1], ids=["64 KiB less one", "64 KiB", "64 KiB and one"])
def test_a_large_manifest(http: httpx.Client, repository: str, extra: int) -> None:
    """Up to 64 KiB a payload is read on the loop, beyond it in a thread: nobody sees the difference."""
    made = images.image(layers=1)
    spare = 64 * 1024 + extra - len(made.data) - len(b', "annotations": {"k": ""}')
    data = made.data[:-1] + b', "annotations": {"k": "' + b"x" * spare + b'"}}'
    assert len(data) == 64 * 1024 + extra
    large = replace(made, data=data)
    transfer.push(http, repository, large, "1")
    transfer.assert_serves(http, repository, large, ["1"])
    for reference in ("1", large.digest):
        head = http.head(f"/v2/{repository}/manifests/{reference}")
        assert head.headers["Content-Length"] == str(len(data))


def test_parameters_of_a_content_type_do_not_count(http: httpx.Client, repository: str) -> None:
    """``; charset=utf-8`` and upper case in Content-Type are taken; a body that speaks for itself needs none."""
    made = images.image(layers=1)
    for blob in made.blobs:
        transfer.push_blob(http, repository, blob)
    for content_type in (f"{made.media_type}; charset=utf-8", made.media_type.upper(), ""):
        headers = {"Content-Type": content_type} if content_type else {}
        answer = http.put(f"/v2/{repository}/manifests/1", content=made.data, headers=headers)
        assert answer.status_code == 201
        assert http.head(f"/v2/{repository}/manifests/1").headers["Content-Type"] == made.media_type


@pytest.mark.parametrize("by", ["digest", "tag"])
def test_several_tags_with_one_push(http: httpx.Client, repository: str, by: str) -> None:
    """``?tag=`` as often as one likes: all point to the manifest, each is named in OCI-Tag, repeated ones once."""
    made = transfer.push(http, repository, images.image(layers=1))
    reference = made.digest if by == "digest" else "main"
    answer = http.put(
        f"/v2/{repository}/manifests/{reference}",
        content=made.data,
        headers={"Content-Type": made.media_type},
        params={"tag": ["1", "1.2", "1.2.3", "1"]},
    )
    assert answer.status_code == 201
    assert answer.headers["OCI-Tag"].split(", ") == ["1", "1.2", "1.2.3"]
    tags = ["1", "1.2", "1.2.3", *(["main"] if by == "tag" else [])]
    assert http.get(f"/v2/{repository}/tags/list").json()["tags"] == tags
    transfer.assert_serves(http, repository, made, tags)


@pytest.mark.parametrize("present", [True, False])
def test_a_subject_is_confirmed(http: httpx.Client, repository: str, present: bool) -> None:
    """A manifest with a subject, that is here or not, is taken with OCI-Subject; one without has no such header."""
    subject = images.image(layers=1)
    if present:
        transfer.push(http, repository, subject)
    made = images.artifact(subject=subject)
    for blob in made.blobs:
        transfer.push_blob(http, repository, blob)
    assert transfer.push_manifest(http, repository, made).headers["OCI-Subject"] == subject.digest
    assert http.head(f"/v2/{repository}/manifests/{subject.digest}").status_code == (200 if present else 404)
    plain = transfer.push(http, repository, images.image(layers=1))
    assert "OCI-Subject" not in transfer.push_manifest(http, repository, plain).headers


@pytest.mark.parametrize(
    ("name", "reference", "detail"),
    [("known", "none", "Tag"), ("known", images.digest_of(b"none"), "Revision"), ("unknown", "1", "Tag")],
)
def test_an_unknown_manifest(http: httpx.Client, name: str, reference: str, detail: str) -> None:
    """404 MANIFEST_UNKNOWN with repository and reference, also where the repository itself is unknown."""
    transfer.push(http, "known", images.image(layers=1), "1")
    for method in ("GET", "DELETE"):
        answer = http.request(method, f"/v2/{name}/manifests/{reference}")
        assert answer.status_code == 404
        [error] = answer.json()["errors"]
        assert error["code"] == "MANIFEST_UNKNOWN"
        assert error["detail"] == {"Name": name, detail: reference}


def test_deleting_a_tag_keeps_its_siblings(http: httpx.Client, repository: str) -> None:
    """202; the tag is gone, another of the same manifest and the manifest itself stay, and again it is 404."""
    made = transfer.push(http, repository, images.image(layers=1), "one")
    transfer.push_manifest(http, repository, made, "two")
    assert http.get(f"/v2/{repository}/tags/list").json()["tags"] == ["one", "two"]
    assert http.delete(f"/v2/{repository}/manifests/one").status_code == 202
    assert http.get(f"/v2/{repository}/manifests/one").status_code == 404
    assert http.delete(f"/v2/{repository}/manifests/one").status_code == 404
    assert http.get(f"/v2/{repository}/tags/list").json()["tags"] == ["two"]
    transfer.assert_serves(http, repository, made, ["two"])


def test_deleting_a_manifest_removes_its_tags(http: httpx.Client, repository: str) -> None:
    """202; the manifest and every tag that points to it are gone, another manifest and the blobs stay; another
    repository keeps its own.
    """
    made = transfer.push(http, repository, images.image(layers=1), "one")
    transfer.push_manifest(http, repository, made, "two")
    other = transfer.push(http, repository, images.image(layers=1), "other")
    transfer.push(http, f"{repository}/keeps", made, "one")
    target = f"/v2/{repository}/manifests/{made.digest}"
    assert http.head(target).status_code == 200
    assert http.delete(target).status_code == 202
    for reference in (made.digest, "one", "two"):
        assert http.get(f"/v2/{repository}/manifests/{reference}").status_code == 404
    assert http.delete(target).status_code == 404
    assert http.get(f"/v2/{repository}/tags/list").json()["tags"] == ["other"]
    transfer.assert_serves(http, repository, other, ["other"])
    transfer.assert_serves(http, f"{repository}/keeps", made, ["one"])
    assert transfer.pull_blob(http, repository, made.blobs[0].digest) == made.blobs[0].data


def test_a_tag_moves_at_once(registry: Server, http: httpx.Client, repository: str) -> None:
    """As soon as a push is answered every connection, on either worker, sees the tag's new manifest."""
    old = transfer.push(http, repository, images.image(layers=1), "1")
    new = transfer.push(http, repository, images.image(layers=1))
    for made in (new, old, new, old):
        transfer.push_manifest(http, repository, made, "1")
        for _ in range(6):
            assert ask(registry.host, request("GET", f"/v2/{repository}/manifests/1")).body == made.data


def test_layers_that_lie_elsewhere_need_not_be_here(http: httpx.Client, repository: str) -> None:
    """A layer of a non-distributable type with urls is taken without its bytes; a plain layer with urls is not."""
    made = images.image(layers=1)
    transfer.push_blob(http, repository, made.blobs[0])
    document = made.document
    [layer] = document["layers"]
    layer["urls"] = ["https://example.com/layer"]
    assert _put(http, repository, document).status_code == 400
    layer["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    assert _put(http, repository, document).status_code == 201


def test_sparse_manifests_where_the_configuration_says_so(start_server: StartServer) -> None:
    """With ``validation.manifests.sparse`` images and indexes are taken whose blobs and children are not here."""
    http = start_server({"validation": {"manifests": {"sparse": True}}}).client()
    for made in (images.image(), images.index()):
        transfer.push_manifest(http, "sparse", made, "1")
        assert transfer.pull_manifest(http, "sparse", "1").data == made.data


def _put(http: httpx.Client, repository: str, document: dict[str, object]) -> httpx.Response:
    made = images.manifest(document)
    return http.put(f"/v2/{repository}/manifests/1", content=made.data, headers={"Content-Type": made.media_type})
