# SPDX-License-Identifier: Apache-2.0
"""The collector on data that docker-registry 2.8.2 writes to, in turns: it takes what is ours to take, and nothing of
what the other pushed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.server import run_entrepot

if TYPE_CHECKING:
    from pathlib import Path

    from peers.conftest import Turns

pytestmark = pytest.mark.peers


def _stored(data: Path) -> set[str]:
    return {path.parent.name for path in data.glob("docker/registry/v2/blobs/*/*/*/data")}


def _hexes(*contents: images.Manifest) -> set[str]:
    found = set()
    for content in contents:
        for one in content.walk():
            found |= {one.digest.partition(":")[2], *(blob.digest.partition(":")[2] for blob in one.blobs)}
    return found


def test_nothing_of_it_is_lost(turns: Turns) -> None:
    """Images go and are collected; 2.8.2 pushes some of them again, others, and moves a tag; then a round right after
    our start, without grace, takes what nobody needs and leaves all that 2.8.2 serves.
    """
    turns.ours_alone.update(trash={"age": "0s"}, collector={"grace": "0s", "interval": "1h"})
    ours = turns.start_ours()
    gone, again, kept = images.image(), images.index(), images.image()
    for content, tag in ((gone, "gone"), (again, "again"), (kept, "kept")):
        transfer.push(ours.client(), "team/app", content, tag)
    for tag in ("gone", "again"):
        assert ours.client().delete(f"/v2/team/app/manifests/{tag}").status_code == 202
    assert run_entrepot("gc", ours.config_path).returncode == 0
    assert _stored(turns.data) == _hexes(kept)
    theirs = turns.theirs().client()
    new, moved, elsewhere = images.index(), images.image(), images.image()
    transfer.push(theirs, "team/app", again, "again")
    transfer.push(theirs, "team/app", new, "new")
    transfer.push(theirs, "team/app", moved, "kept")
    transfer.push(theirs, "other/app", elsewhere, "1.0")
    ours = turns.start_ours()
    ended = run_entrepot("gc", ours.config_path)
    assert ended.returncode == 0, ended.stderr
    http = ours.client()
    for content, tag in ((again, "again"), (new, "new"), (moved, "kept")):
        transfer.assert_serves(http, "team/app", content, [tag])
    transfer.assert_serves(http, "other/app", elsewhere, ["1.0"])
    assert _stored(turns.data) == _hexes(kept, again, new, moved, elsewhere)
    transfer.assert_serves(turns.theirs().client(), "team/app", again, ["again"])


def test_adopted_data_is_reported_first(turns: Turns) -> None:
    """On data that 2.8.2 wrote the first round takes nothing and says what the second takes."""
    turns.ours_alone.update(collector={"grace": "0s", "interval": "1h"})
    theirs = turns.theirs().client()
    deleted, kept = images.image(), images.image()
    transfer.push(theirs, "team/app", deleted, "deleted")
    transfer.push(theirs, "team/app", kept, "kept")
    assert theirs.delete(f"/v2/team/app/manifests/{deleted.digest}").status_code == 202
    turns.nobody()
    ours = turns.start_ours()
    before = _stored(turns.data)
    said = run_entrepot("gc", ours.config_path).stdout
    assert "4 blobs" in said or "3 links" in said
    assert "run it again" in said
    assert _stored(turns.data) == before
    assert run_entrepot("gc", ours.config_path).returncode == 0
    assert _stored(turns.data) == _hexes(kept)
    transfer.assert_serves(ours.client(), "team/app", kept, ["kept"])
