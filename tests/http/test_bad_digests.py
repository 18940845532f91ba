# SPDX-License-Identifier: Apache-2.0
"""Digests that are none, and bodies that do not have the digest they claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.wire import ask, request

if TYPE_CHECKING:
    import httpx

    from support.server import Server

HEX = "0123456789abcdef" * 4
BAD = {
    "no algorithm": HEX,
    "empty algorithm": f":{HEX}",
    "md5": "md5:" + HEX[:32],
    "sha1": "sha1:" + HEX[:40],
    "sha384": "sha384:" + HEX + HEX[:32],
    "unknown algorithm": f"sha255:{HEX}",
    "algorithm in upper case": f"SHA256:{HEX}",
    "hex in upper case": f"sha256:{HEX.upper()}",
    "one too short": f"sha256:{HEX[:63]}",
    "one too long": f"sha256:{HEX}0",
    "very long": "sha256:" + "a" * 5000,
    "no hex": "sha256:" + "g" * 64,
    "empty": "sha256:",
    "sha512 with 64": f"sha512:{HEX}",
    "sha256 with 128": f"sha256:{HEX}{HEX}",
    "blank in front": f"%20sha256:{HEX}",
    "newline behind": f"sha256:{HEX}%0a",
    "nul behind": f"sha256:{HEX}%00",
    "digits of another script": "sha256:" + "%D9%A3" * 64,
    "climbing": "sha256:%2e%2e",
    "double encoded colon": f"sha256%253A{HEX}",
}


@pytest.mark.parametrize("digest", BAD.values(), ids=BAD)
def test_a_bad_digest_is_refused_everywhere(registry: Server, http: httpx.Client, repository: str, digest: str) -> None:
    """Blobs, manifests, referrers, the POST in one step and the closing PUT answer 400 DIGEST_INVALID, saying why.

    The upload whose closing PUT named it goes on.
    """
    place = transfer.append(http, transfer.begin_upload(http, repository), b"kept")
    asked = [
        ("GET", f"/v2/{repository}/blobs/{digest}"),
        ("DELETE", f"/v2/{repository}/blobs/{digest}"),
        ("GET", f"/v2/{repository}/referrers/{digest}"),
        ("POST", f"/v2/{repository}/blobs/uploads/?digest={digest}"),
        ("PUT", f"{place.path}?digest={digest}"),
    ]
    if ":" in digest:
        asked += [(method, f"/v2/{repository}/manifests/{digest}") for method in ("GET", "PUT", "DELETE")]
    for method, target in asked:
        reply = ask(registry.host, request(method, target))
        assert (reply.status, reply.code) == (400, "DIGEST_INVALID"), (method, reply)
        assert "digest" in reply.errors[0]["detail"]
    assert http.get(place).headers["Range"] == "0-3"
    assert transfer.finish_upload(http, place, images.digest_of(b"kept")).status_code == 201


def test_the_closing_put_without_a_digest_is_refused(http: httpx.Client, repository: str) -> None:
    """400 DIGEST_INVALID names the parameter that is missing; the upload goes on."""
    place = transfer.append(http, transfer.begin_upload(http, repository), b"kept")
    for target in (place, place.copy_add_param("digest", "")):
        refused = http.put(target)
        assert refused.status_code == 400
        assert "?digest=" in refused.json()["errors"][0]["detail"]
    assert transfer.finish_upload(http, place, images.digest_of(b"kept")).status_code == 201


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("way", ["post", "put", "patch"])
def test_a_body_with_another_digest_is_never_visible(
    registry: Server, http: httpx.Client, repository: str, way: str, algorithm: str
) -> None:
    """400 DIGEST_INVALID names both digests; the upload is gone; neither digest is a blob of any repository."""
    real, claimed = images.blob(70_000, algorithm), images.blob(70_000, algorithm)
    if way == "post":
        target = f"/v2/{repository}/blobs/uploads/"
        refused = http.post(target, params={"digest": claimed.digest}, content=real.data)
    else:
        place = transfer.begin_upload(http, repository, **{"digest-algorithm": algorithm})
        data = real.data
        if way == "patch":
            place, data = transfer.append(http, place, real.data), b""
        assert http.get(place).status_code == 204
        refused = transfer.finish_upload(http, place, claimed.digest, data)
        assert http.get(place).status_code == 404
        assert transfer.finish_upload(http, place, real.digest).status_code == 404
    assert refused.status_code == 400
    [error] = refused.json()["errors"]
    assert error["code"] == "DIGEST_INVALID"
    assert real.digest in error["detail"]
    assert claimed.digest in error["detail"]
    for digest in (real.digest, claimed.digest):
        for name in (repository, "other"):
            assert http.head(f"/v2/{name}/blobs/{digest}").status_code == 404
        assert http.post("/v2/other/blobs/uploads/", params={"mount": digest}).status_code == 202
        assert not list(registry.root.rglob(digest.partition(":")[2]))


def test_a_wrong_body_does_not_harm_the_blob_that_is_there(http: httpx.Client, repository: str) -> None:
    """Other bytes under the digest of a blob that is there are refused, and the blob is served as before."""
    good = images.blob(5000)
    transfer.push_blob(http, repository, good)
    for data in (b"other", good.data[:-1] + b"x", b""):
        place = transfer.begin_upload(http, repository)
        assert transfer.finish_upload(http, place, good.digest, data).status_code == 400
    assert transfer.pull_blob(http, repository, good.digest) == good.data


def test_a_manifest_with_another_digest_is_refused(http: httpx.Client, repository: str) -> None:
    """PUT by digest of bytes that have another answers 400 DIGEST_INVALID with both, and neither is served."""
    made, other = images.image(layers=1), images.image(layers=1)
    for blob in made.blobs:
        transfer.push_blob(http, repository, blob)
    target = f"/v2/{repository}/manifests/{other.digest}"
    refused = http.put(target, content=made.data, headers={"Content-Type": made.media_type})
    assert refused.status_code == 400
    [error] = refused.json()["errors"]
    assert error["code"] == "DIGEST_INVALID"
    assert made.digest in error["detail"]
    assert other.digest in error["detail"]
    assert http.get(target).status_code == 404
    transfer.push_manifest(http, repository, made)
    assert http.get(f"/v2/{repository}/manifests/{made.digest}").status_code == 200
