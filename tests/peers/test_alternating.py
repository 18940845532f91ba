# SPDX-License-Identifier: Apache-2.0
"""entrepot and docker-registry 2.8.2 take turns on one directory; entrepot keeps its index meanwhile."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from faults.agreement import assert_agreement
from peers.conftest import COMPARED
from support import images, transfer

if TYPE_CHECKING:
    import httpx

    from peers.conftest import Turns
    from support.images import Manifest

pytestmark = pytest.mark.peers


def _tags(client: httpx.Client, repository: str) -> list[str]:
    tags: list[str] = client.get(f"/v2/{repository}/tags/list").json()["tags"]
    return tags


def test_what_the_other_did_meanwhile_counts(turns: Turns) -> None:
    """2.8.2 pushes a repository and a tag, moves one tag and deletes another while entrepot is down: afterwards
    entrepot serves, lists and refuses accordingly, and index and storage agree.
    """
    first, doomed, second, third = images.image(), images.image(), images.index(), images.image(style="docker")
    ours = turns.ours().client()
    transfer.push(ours, "team/app", first, "moving")
    transfer.push_manifest(ours, "team/app", first, "staying")
    transfer.push(ours, "team/app", doomed, "doomed")
    assert _tags(ours, "team/app") == ["doomed", "moving", "staying"]
    peer = turns.theirs().client()
    transfer.push(peer, "team/app", second, "moving")
    transfer.push(peer, "team/app", third, "new")
    transfer.push(peer, "team/fresh/repository", third, "1.0")
    assert peer.delete(f"/v2/team/app/manifests/{doomed.digest}").status_code == 202
    ours = turns.ours().client()
    transfer.assert_serves(ours, "team/app", second, ["moving"])
    transfer.assert_serves(ours, "team/app", first, ["staying"])
    transfer.assert_serves(ours, "team/app", third, ["new"])
    transfer.assert_serves(ours, "team/fresh/repository", third, ["1.0"])
    assert _tags(ours, "team/app") == ["moving", "new", "staying"]
    assert ours.get("/v2/_catalog").json()["repositories"] == ["team/app", "team/fresh/repository"]
    for reference in ("doomed", doomed.digest):
        assert ours.get(f"/v2/team/app/manifests/{reference}").status_code == 404
    assert_agreement(turns.data)


def test_turns_upon_turns(turns: Turns) -> None:
    """Over several turns each sees what the other pushed last under the same tag, and all former images by digest."""
    pushed: list[Manifest] = []
    for turn in range(3):
        for registry in (turns.ours, turns.theirs):
            client = registry().client()
            if pushed:
                transfer.assert_serves(client, "team/app", pushed[-1], ["latest", f"turn{len(pushed) - 1}"])
            made = images.image(style="docker" if turn % 2 else "oci")
            transfer.push(client, "team/app", made, "latest")
            transfer.push_manifest(client, "team/app", made, f"turn{len(pushed)}")
            pushed.append(made)
    ours = turns.ours().client()
    for number, made in enumerate(pushed):
        transfer.assert_serves(ours, "team/app", made, [f"turn{number}"])
    assert_agreement(turns.data)


def test_a_repository_removed_by_hand_is_gone(turns: Turns) -> None:
    """A repository whose directory was removed while entrepot was down is neither listed nor served; its neighbours and
    the repository nested beside it are.
    """
    made = images.image()
    ours = turns.ours().client()
    for repository in ("team/app", "team/app/nested", "team/doomed"):
        transfer.push(ours, repository, made, "1.0")
        transfer.assert_serves(ours, repository, made, ["1.0"])
    turns.nobody()
    shutil.rmtree(turns.data / "docker/registry/v2/repositories/team/doomed")
    ours = turns.ours().client()
    assert ours.get("/v2/_catalog").json()["repositories"] == ["team/app", "team/app/nested"]
    assert ours.get("/v2/team/doomed/manifests/1.0").status_code == 404
    assert ours.get(f"/v2/team/doomed/blobs/{made.blobs[0].digest}").status_code == 404
    for repository in ("team/app", "team/app/nested"):
        transfer.assert_serves(ours, repository, made, ["1.0"])
    assert_agreement(turns.data)


def test_the_index_is_compared_after_each_start_but_the_first(turns: Turns) -> None:
    """A start that reads all of storage has nothing to compare; each later one compares once, and repairs nothing where
    nothing differs.
    """
    server = turns.ours()
    transfer.push(server.client(), "team/app", images.image(), "1.0")
    turns.nobody()
    assert COMPARED not in server.log()
    turns.ours()
    compared = [line for line in server.log().splitlines() if COMPARED in line]
    assert len(compared) == 1
    assert "repaired=0" in compared[0]
