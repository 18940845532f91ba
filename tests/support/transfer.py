# SPDX-License-Identifier: Apache-2.0
"""Push and pull with a plain HTTP client, request by request as the specification has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.images import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, OCTETS, Content, Manifest, digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

ACCEPT = f"{OCI_INDEX}, {OCI_MANIFEST}, {DOCKER_LIST}, {DOCKER_MANIFEST}"


def begin_upload(client: httpx.Client, repository: str, **params: str) -> httpx.URL:
    """Start an upload and return where its bytes go."""
    answer = client.post(f"/v2/{repository}/blobs/uploads/", params=params)
    assert answer.status_code == 202, _said(answer)
    return location(answer)


def append(client: httpx.Client, place: httpx.URL, data: bytes, *, start: int | None = None) -> httpx.URL:
    """Append bytes to an upload (with `start`, as a chunk at that offset) and return where the next ones go."""
    headers = {"Content-Type": OCTETS}
    if start is not None:
        headers["Content-Range"] = f"{start}-{start + len(data) - 1}"
    answer = client.patch(place, content=data, headers=headers)
    assert answer.status_code == 202, _said(answer)
    return location(answer)


def finish_upload(client: httpx.Client, place: httpx.URL, digest: str, data: bytes = b"") -> httpx.Response:
    """Close an upload under this digest, with the last bytes, if any; the answer is not judged."""
    return client.put(place.copy_add_param("digest", digest), content=data, headers={"Content-Type": OCTETS})


def push_blob(client: httpx.Client, repository: str, content: Content, *, chunk: int | None = None) -> str:
    """Push a blob, in one PUT or in chunks of `chunk` bytes, and return its digest."""
    place = begin_upload(client, repository)
    if chunk is None:
        answer = finish_upload(client, place, content.digest, content.data)
    else:
        for start in range(0, content.size, chunk):
            place = append(client, place, content.data[start : start + chunk], start=start)
        answer = finish_upload(client, place, content.digest)
    assert answer.status_code == 201, _said(answer)
    return content.digest


def push_manifest(client: httpx.Client, repository: str, content: Content, tag: str | None = None) -> httpx.Response:
    """Put one manifest, by tag or by digest; a tag on another algorithm than sha256 goes as a parameter."""
    reference, params = content.digest, {}
    if tag is not None and content.algorithm == "sha256":
        reference = tag
    elif tag is not None:
        params = {"tag": tag}
    headers = {"Content-Type": content.media_type}
    url = f"/v2/{repository}/manifests/{reference}"
    answer = client.put(url, content=content.data, headers=headers, params=params)
    assert answer.status_code == 201, _said(answer)
    return answer


def push(client: httpx.Client, repository: str, content: Manifest, tag: str | None = None) -> Manifest:
    """Push a manifest with everything below it: blobs, children by digest, last itself by tag (or digest)."""
    for each in content.walk():
        for blob in each.blobs:
            push_blob(client, repository, blob)
        push_manifest(client, repository, each, tag if each is content else None)
    return content


def pull_blob(client: httpx.Client, repository: str, digest: str) -> bytes:
    """The bytes of a blob, verified against its digest."""
    answer = client.get(f"/v2/{repository}/blobs/{digest}", follow_redirects=True)
    assert answer.status_code == 200, _said(answer)
    assert digest_of(answer.content, digest.partition(":")[0]) == digest
    return answer.content


def pull_manifest(client: httpx.Client, repository: str, reference: str) -> Content:
    """A manifest as it is served by tag or digest."""
    answer = client.get(f"/v2/{repository}/manifests/{reference}", headers={"Accept": ACCEPT})
    assert answer.status_code == 200, _said(answer)
    algorithm = answer.headers["Docker-Content-Digest"].partition(":")[0]
    served = Content(answer.content, answer.headers["Content-Type"], algorithm)
    assert served.digest == answer.headers["Docker-Content-Digest"]
    return served


def assert_serves(client: httpx.Client, repository: str, content: Manifest, tags: Sequence[str] = ()) -> None:
    """Everything of this manifest is served byte for byte: itself by digest and each tag, children, blobs."""
    for reference in (content.digest, *tags):
        served = pull_manifest(client, repository, reference)
        assert served.data == content.data, f"{repository}@{reference} has other bytes"
        assert served.media_type == content.media_type
    for each in content.walk():
        assert pull_manifest(client, repository, each.digest).data == each.data
        for blob in each.blobs:
            assert pull_blob(client, repository, blob.digest) == blob.data


def location(answer: httpx.Response) -> httpx.URL:
    """The absolute URL of an answer's Location, which may be relative."""
    return answer.url.join(answer.headers["Location"])


def _said(answer: httpx.Response) -> str:
    request = answer.request
    return f"{request.method} {request.url} -> {answer.status_code} {answer.text[:2000]}"
