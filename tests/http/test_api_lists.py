# SPDX-License-Identifier: Apache-2.0
"""The lists of the JSON API: repositories, tags, moves, trash; in pages."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.api import ROOT, delete, look, place, refused, restore, walk

if TYPE_CHECKING:
    import httpx


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_repositories(client: httpx.Client, size: int) -> None:
    """Each repository that holds images once, in bytewise order, whatever the size of pages."""
    assert walk(client, f"{ROOT}/repositories", "repositories", "last", size) == []
    names = ["a", "a-b", "a/b", "a/b/c", "b"]
    for name in reversed(names):
        transfer.push(client, name, images.image(layers=0), "latest")
    found = walk(client, f"{ROOT}/repositories", "repositories", "last", size)
    assert found == [{"name": name} for name in names]
    assert client.get(f"{ROOT}/repositories", params={"last": "a/a"}).json()["repositories"][0] == {"name": "a/b"}


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_tags(http: httpx.Client, size: int) -> None:
    """Each tag once, in bytewise order, with its digest and the moment of its last move."""
    name = f"tags/page{size}"
    made = transfer.push(http, name, images.image(), "1.0")
    for tag in ("latest", "Z", "_a", "1"):
        transfer.push_manifest(http, name, made, tag)
    found = walk(http, place(name, "tags"), "tags", "last", size)
    assert [entry["name"] for entry in found] == ["1", "1.0", "Z", "_a", "latest"]
    assert {entry["digest"] for entry in found} == {made.digest}
    assert all(abs(datetime.fromisoformat(entry["movedAt"]).timestamp() - time.time()) < 60 for entry in found)


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_moves(http: httpx.Client, size: int) -> None:
    """Every move of a tag, the newest first, also when tag and repository are gone; of no other tag."""
    name = f"moves/page{size}"
    old = transfer.push(http, name, images.image(), "latest")
    new = transfer.push(http, name, images.image(), "latest")
    transfer.push_manifest(http, name, new, "other")
    delete(http, name, "tags", "latest")
    restore(http, name, tag="latest")
    delete(http, name)
    found = walk(http, place(name, "tags", "latest", "history"), "moves", "before", size)
    assert [(move["action"], move["from"], move["to"]) for move in found] == [
        ("delete", new.digest, None),
        ("restore", None, new.digest),
        ("delete", new.digest, None),
        ("push", old.digest, new.digest),
        ("push", None, old.digest),
    ]
    assert [move["number"] for move in found] == sorted((move["number"] for move in found), reverse=True)
    assert {move["actor"] for move in found} == {""}
    assert look(http, name, "tags", "latest", "history", before="1") == {"moves": [], "next": None}
    refused(http.get(place(name, "tags", "never", "history")), 404, "NAME_UNKNOWN")


@pytest.mark.parametrize("size", [1, 2, 1000])
def test_trash(http: httpx.Client, size: int) -> None:
    """Each deleted manifest once with its tags, also when the repository is gone; what lives is not among them."""
    name = f"trash/page{size}"
    made = [transfer.push(http, name, images.image(), f"t{number}") for number in range(4)]
    transfer.push_manifest(http, name, made[0], "also")
    assert walk(http, place(name, "trash"), "manifests", "last", size) == []
    for number in range(3):
        delete(http, name, "manifests", made[number].digest)
    tags = {made[0].digest: ["also", "t0"], made[1].digest: ["t1"], made[2].digest: ["t2"]}
    found = walk(http, place(name, "trash"), "manifests", "last", size)
    assert [(entry["digest"], entry["tags"]) for entry in found] == sorted(tags.items())
    assert all(entry["trashedAt"] < entry["restorableUntil"] for entry in found)
    delete(http, name)
    assert len(walk(http, place(name, "trash"), "manifests", "last", size)) == 4


def test_heads(http: httpx.Client) -> None:
    """HEAD answers the headers of GET and no body."""
    transfer.push(http, "heads", images.image(), "latest")
    for path in (f"{ROOT}/openapi.json", place("heads"), place("heads", "tags"), place("heads", "reclaim")):
        got, head = http.get(path), http.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == got.headers["Content-Length"] == str(len(got.content))
        assert got.headers["Cache-Control"] == "no-store"
        assert got.headers["X-Content-Type-Options"] == "nosniff"
