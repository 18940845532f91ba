# SPDX-License-Identifier: Apache-2.0
"""Data written by entrepot is served by docker-registry 2.8.2, and survives its collector.

What 2.8.2 cannot do with it, since its protocol has no words for it: list referrers (it has no such endpoint; the
referring manifests themselves pull), tell tags in order, and go on with an upload that it did not sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.agreement import assert_agreement
from support import images, transfer
from support.images import Manifest
from support.peer import collect_garbage

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from peers.conftest import Turns

pytestmark = pytest.mark.peers

Pushed = dict[str, Manifest]


def _push_all(client: httpx.Client) -> Pushed:
    """One of each kind, in a repository of its own, under two tags."""
    subject = images.image()
    pushed = {
        "image/oci": images.image(),
        "image/docker": images.image(style="docker"),
        "image/sha512": images.image(algorithm="sha512"),
        "list/docker": images.index(style="docker"),
        "index/nested": images.index([images.index(), images.image(platform="linux/riscv64")]),
        "index/sha512": images.index([images.index(algorithm="sha512"), images.image()], algorithm="sha512"),
        "referred": subject,
    }
    for repository, made in pushed.items():
        transfer.push(client, repository, made, "1.0")
        transfer.push_manifest(client, repository, made, "latest")
    referrer = images.artifact(subject=subject)
    transfer.push(client, "referred", referrer, "sbom")
    pushed["referred"] = Manifest(
        subject.data, subject.media_type, subject.algorithm, subject.blobs, (*subject.children, referrer)
    )
    return pushed


def _assert_all(client: httpx.Client, pushed: Pushed) -> None:
    for repository, made in pushed.items():
        transfer.assert_serves(client, repository, made, ["1.0", "latest"])


def test_everything_is_served_byte_for_byte(turns: Turns) -> None:
    """Images, docker lists, nested OCI indexes, sha512 blobs, manifests and indexes, and referrers by digest pull from
    2.8.2 as they were pushed to entrepot; its tag lists and catalog name the same.
    """
    ours = turns.ours().client()
    pushed = _push_all(ours)
    _assert_all(ours, pushed)
    names = ours.get("/v2/_catalog").json()["repositories"]
    assert names == sorted(pushed)
    peer = turns.theirs().client()
    _assert_all(peer, pushed)
    assert sorted(peer.get("/v2/_catalog").json()["repositories"]) == names
    assert sorted(peer.get("/v2/referred/tags/list").json()["tags"]) == ["1.0", "latest", "sbom"]


def test_blobs_are_served_byte_for_byte(turns: Turns) -> None:
    """The empty blob, a blob pushed in chunks, a mounted one, and sha512 ones pull from 2.8.2; a cancelled upload and a
    deleted blob, which was there, do not.
    """
    ours = turns.ours().client()
    kept = [
        images.Content(b""),
        images.blob(70_000),
        images.blob(3000, "sha512"),
        images.Content(b"", algorithm="sha512"),
    ]
    for content in kept:
        transfer.push_blob(ours, "blobs/all", content, chunk=30_000)
    mounted = ours.post("/v2/blobs/other/blobs/uploads/", params={"mount": kept[1].digest, "from": "blobs/all"})
    assert mounted.status_code == 201
    deleted = images.blob()
    transfer.push_blob(ours, "blobs/all", deleted)
    assert transfer.pull_blob(ours, "blobs/all", deleted.digest) == deleted.data
    assert ours.delete(f"/v2/blobs/all/blobs/{deleted.digest}").status_code == 202
    peer = turns.theirs().client()
    for content in kept:
        assert transfer.pull_blob(peer, "blobs/all", content.digest) == content.data
    assert transfer.pull_blob(peer, "blobs/other", kept[1].digest) == kept[1].data
    assert peer.get(f"/v2/blobs/all/blobs/{deleted.digest}").status_code == 404


def test_everything_tagged_survives_the_collector(turns: Turns, tmp_path: Path) -> None:
    """After `docker-registry garbage-collect` every tagged image, sha512 and nested index included, still pulls from
    both; a blob that no manifest names was there before and is not there after, at either.
    """
    ours = turns.ours().client()
    pushed = _push_all(ours)
    loose = images.blob()
    transfer.push_blob(ours, "image/oci", loose)
    assert transfer.pull_blob(ours, "image/oci", loose.digest) == loose.data
    turns.nobody()
    said = collect_garbage(turns.data, tmp_path)
    assert f"blob eligible for deletion: {loose.digest}" in said
    ours = turns.ours().client()
    _assert_all(ours, pushed)
    assert ours.get(f"/v2/image/oci/blobs/{loose.digest}").status_code == 404
    assert_agreement(turns.data, collected=True)
    peer = turns.theirs().client()
    _assert_all(peer, pushed)
    assert peer.get(f"/v2/image/oci/blobs/{loose.digest}").status_code == 404


def test_a_manifest_cannot_name_what_the_collector_took(turns: Turns, tmp_path: Path) -> None:
    """A blob that 2.8.2 collected while entrepot was down is missing afterwards: the manifest that names it, which
    would have been accepted before, is refused and names it; pushed again, all is well.
    """
    made = images.image()
    ours = turns.ours().client()
    for blob in made.blobs:
        transfer.push_blob(ours, "team/app", blob)
    turns.nobody()
    collect_garbage(turns.data, tmp_path)
    ours = turns.ours().client()
    headers = {"Content-Type": made.media_type}
    refused = ours.put("/v2/team/app/manifests/1.0", content=made.data, headers=headers)
    assert refused.status_code == 400, refused.text
    assert {error["code"] for error in refused.json()["errors"]} == {"MANIFEST_BLOB_UNKNOWN"}
    assert all(blob.digest in refused.text for blob in made.blobs)
    transfer.push(ours, "team/app", made, "1.0")
    transfer.assert_serves(ours, "team/app", made, ["1.0"])
