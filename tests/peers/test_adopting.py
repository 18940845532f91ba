# SPDX-License-Identifier: Apache-2.0
"""Data written by docker-registry 2.8.2 is served by entrepot started on its directory, with no index there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.agreement import assert_agreement
from support import images, transfer

if TYPE_CHECKING:
    from peers.conftest import Turns

pytestmark = pytest.mark.peers


def test_everything_is_served_byte_for_byte(turns: Turns) -> None:
    """Docker and OCI images, a docker list, an index with an index in it, under several tags and in nested
    repositories: all of it pulls from entrepot as it was pushed, and tags and catalog are complete.
    """
    pushed = {
        "docker": images.image(style="docker"),
        "team/oci": images.image(),
        "team/list": images.index(style="docker"),
        "team/oci/nested/deeper": images.index([images.index(), images.image(platform="linux/riscv64")]),
    }
    peer = turns.theirs().client()
    for repository, made in pushed.items():
        transfer.push(peer, repository, made, "1.0")
        transfer.push_manifest(peer, repository, made, "latest")
        transfer.assert_serves(peer, repository, made, ["1.0", "latest"])
    ours = turns.ours().client()
    for repository, made in pushed.items():
        transfer.assert_serves(ours, repository, made, ["1.0", "latest"])
        assert ours.get(f"/v2/{repository}/tags/list").json()["tags"] == ["1.0", "latest"]
    assert ours.get("/v2/_catalog").json()["repositories"] == sorted(pushed)
    assert_agreement(turns.data)


def test_a_tag_that_moved_points_where_it_moved_last(turns: Turns) -> None:
    """A tag that 2.8.2 moved is served with its last target; the former one pulls by digest."""
    first, second = images.image(), images.image()
    peer = turns.theirs().client()
    for made in (first, second):
        transfer.push(peer, "team/app", made, "1.0")
    ours = turns.ours().client()
    transfer.assert_serves(ours, "team/app", second, ["1.0"])
    transfer.assert_serves(ours, "team/app", first)


def test_a_blob_pushed_under_sha512_is_served_under_both_digests(turns: Turns) -> None:
    """2.8.2 keeps a blob pushed with a sha512 digest under its sha256, with an alias link: both pull the same bytes."""
    content = images.blob(5000, "sha512")
    peer = turns.theirs().client()
    transfer.push_blob(peer, "team/app", content)
    alias = turns.data.joinpath("docker/registry/v2/repositories/team/app/_layers/sha512")
    by_sha256 = images.digest_of(content.data)
    assert (alias / content.digest.partition(":")[2] / "link").read_text() == by_sha256
    ours = turns.ours().client()
    assert transfer.pull_blob(ours, "team/app", content.digest) == content.data
    assert transfer.pull_blob(ours, "team/app", by_sha256) == content.data
    assert_agreement(turns.data)


def test_an_upload_under_way_goes_on(turns: Turns) -> None:
    """An upload that 2.8.2 began goes on at its offset and closes with the digest of all its bytes.

    (The other way round cannot be: 2.8.2 takes only upload addresses that it has signed itself.)
    """
    content = images.blob(100_000)
    peer = turns.theirs().client()
    place = transfer.append(peer, transfer.begin_upload(peer, "team/app"), content.data[:60_000])
    identity = place.path.rpartition("/")[2]
    ours = turns.ours().client()
    status = ours.get(f"/v2/team/app/blobs/uploads/{identity}")
    assert (status.status_code, status.headers["Range"]) == (204, "0-59999")
    place = transfer.append(ours, transfer.location(status), content.data[60_000:], start=60_000)
    assert transfer.finish_upload(ours, place, content.digest).status_code == 201
    assert transfer.pull_blob(ours, "team/app", content.digest) == content.data
    assert ours.get(f"/v2/team/app/blobs/uploads/{identity}").status_code == 404


def test_what_was_deleted_there_is_not_there(turns: Turns) -> None:
    """A manifest deleted at 2.8.2 is unknown to entrepot with its tag, though its bytes still lie there; the others
    are served.
    """
    kept, gone = images.image(), images.image()
    peer = turns.theirs().client()
    transfer.push(peer, "team/app", kept, "kept")
    transfer.push(peer, "team/app", gone, "gone")
    transfer.assert_serves(peer, "team/app", gone, ["gone"])
    assert peer.delete(f"/v2/team/app/manifests/{gone.digest}").status_code == 202
    ours = turns.ours().client()
    for reference in (gone.digest, "gone"):
        assert ours.get(f"/v2/team/app/manifests/{reference}").status_code == 404
    transfer.assert_serves(ours, "team/app", kept, ["kept"])
    assert ours.get("/v2/team/app/tags/list").json()["tags"] == ["kept"]
