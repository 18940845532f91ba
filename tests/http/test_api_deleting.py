# SPDX-License-Identifier: Apache-2.0
"""Deleting and restoring by the JSON API: what goes, what comes back, and what the disk gives back."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from support import images, transfer
from support.api import delete, look, place, refused, restore
from support.server import run_entrepot
from support.waiting import until

if TYPE_CHECKING:
    import httpx

    from conftest import StartServer
    from support.server import Server

TWO_WEEKS = 14 * 24 * 3600
AT_ONCE = {"collector": {"grace": "0s", "interval": "10h"}}


def used(server: Server) -> tuple[int, int]:
    """Bytes and number of files under ``blobs/**/data``."""
    sizes = [path.stat().st_size for path in server.root.glob("docker/registry/v2/blobs/**/data")]
    return sum(sizes), len(sizes)


def assert_gone(client: httpx.Client, repository: str, *references: str) -> None:
    """None of these can be pulled."""
    for reference in references:
        assert client.get(f"/v2/{repository}/manifests/{reference}").status_code == 404


def set_scene(client: httpx.Client) -> dict[str, images.Manifest]:
    """Images and indexes in three repositories that share layers and children."""
    base, app = images.image(size=4000), images.image(size=3000)
    made = {
        "shared": images.index([base, app]),
        "alone": images.index([base, images.image(size=2000)]),
        "single": images.image(size=2500),
        "signature": images.artifact(subject=app),
    }
    for tag, content in made.items():
        transfer.push(client, "team/app", content, None if tag == "signature" else tag)
    transfer.push(client, "team/app/nested", base, "latest")
    transfer.push(client, "solo", images.image(size=1000), "latest")
    return made


@pytest.mark.parametrize("name", ["plain", "team/app", "a/b/c-d/e__f.g"])
@pytest.mark.parametrize("encoded", [False, True])
def test_a_tag(http: httpx.Client, name: str, *, encoded: bool) -> None:
    """A tag goes alone; the last one takes the image to the trash, which still answers by digest; restored, it pulls
    whole. Slashes may be written as %2F.
    """
    repository = f"tag{encoded}/{name}".lower()
    written = repository.replace("/", "%2F") if encoded else repository
    made = transfer.push(http, repository, images.index(), "1.0")
    transfer.push_manifest(http, repository, made, "2.0")
    said = delete(http, written, "tags", "1.0")
    assert (said["repository"], said["tag"]) == (repository, "1.0")
    left = datetime.fromisoformat(said["restorableUntil"]).timestamp() - time.time()
    assert TWO_WEEKS - 60 < left <= TWO_WEEKS
    assert_gone(http, repository, "1.0")
    transfer.assert_serves(http, repository, made, ["2.0"])
    assert look(http, written, "trash")["manifests"] == []
    delete(http, written, "tags", "2.0")
    assert_gone(http, repository, "2.0")
    trash = look(http, written, "trash")["manifests"]
    assert {made.digest: ["2.0"]}.items() <= {one["digest"]: one["tags"] for one in trash}.items()
    assert restore(http, written, tag="1.0") == [{"digest": made.digest, "tags": ["1.0"]}]
    transfer.assert_serves(http, repository, made, ["1.0"])
    assert look(http, written, "trash")["manifests"] == []
    assert_gone(http, repository, "2.0")


def test_a_manifest(http: httpx.Client) -> None:
    """A manifest goes by digest with all its tags, and comes back with them."""
    made = transfer.push(http, "manifest/app", images.image(), "1.0")
    transfer.push_manifest(http, "manifest/app", made, "2.0")
    said = delete(http, "manifest/app", "manifests", made.digest)
    assert said["digest"] == made.digest
    assert_gone(http, "manifest/app", "1.0", "2.0", made.digest)
    assert restore(http, "manifest/app", digest=made.digest) == [{"digest": made.digest, "tags": ["1.0", "2.0"]}]
    transfer.assert_serves(http, "manifest/app", made, ["1.0", "2.0"])


def test_an_overwritten_tag(http: httpx.Client) -> None:
    """A tag that was pushed to another image goes back to the one before, or to any digest that is still there."""
    old = transfer.push(http, "over/app", images.image(), "latest")
    new = transfer.push(http, "over/app", images.image(), "latest")
    restore(http, "over/app", tag="latest")
    transfer.assert_serves(http, "over/app", old, ["latest"])
    restore(http, "over/app", tag="latest", digest=new.digest)
    transfer.assert_serves(http, "over/app", new, ["latest"])


def test_a_repository(start_server: StartServer) -> None:
    """A repository goes whole, those nested below it and beside it stay; restored it serves everything as before."""
    client = start_server().client()
    made = set_scene(client)
    nested = transfer.pull_manifest(client, "team/app/nested", "latest").digest
    delete(client, "team/app")
    assert_gone(client, "team/app", *(content.digest for content in made.values()))
    refused(client.get(place("team/app")), 404, "NAME_UNKNOWN")
    assert client.get("/v2/_catalog").json()["repositories"] == ["solo", "team/app/nested"]
    assert transfer.pull_manifest(client, "team/app/nested", "latest").digest == nested
    assert len(restore(client, "team/app")) == len([*made["shared"].walk(), *made["alone"].walk()]) + 1
    assert look(client, "team/app") == {"name": "team/app"}
    for tag in ("shared", "alone", "single"):
        transfer.assert_serves(client, "team/app", made[tag], [tag])
    transfer.assert_serves(client, "team/app", made["signature"])


@pytest.mark.parametrize("what", ["tag", "manifest", "repository"])
def test_a_purge(start_server: StartServer, what: str) -> None:
    """With purge=true nothing can be restored, and the collector gives the bytes back at once, without its clock."""
    server = start_server(AT_ONCE)
    client = server.client()
    made = transfer.push(client, "team/app", images.image(), "1.0")
    before, _ = used(server)
    rest = {"tag": ("tags", "1.0"), "manifest": ("manifests", made.digest), "repository": ()}[what]
    said = look(client, "team/app", "reclaim")
    assert said["bytesFreed"] == before > 0
    assert delete(client, "team/app", *rest, purge="true")["restorableUntil"] is None
    for wish in ({}, {"tag": "1.0"}, {"digest": made.digest}):
        assert client.post(place("team/app", "restore"), json=wish).status_code == 404
    until(lambda: used(server) == (0, 0), what="the bytes are gone", seconds=20)


@pytest.mark.parametrize("what", ["shared", "alone", "single", "by digest", "child", "repository", "nested"])
def test_what_the_disk_gives_back(start_server: StartServer, what: str) -> None:
    """What the preview says is what goes, to the byte and the blob; it changes nothing itself."""
    server = start_server({**AT_ONCE, "trash": {"age": "0s"}})
    client = server.client()
    made = set_scene(client)
    repository = "team/app/nested" if what == "nested" else "team/app"
    query, rest = _aim(what, made)
    collect(server)
    before, files = used(server)
    tags = {tag["name"] for tag in look(client, repository, "tags")["tags"]}
    said = look(client, repository, "reclaim", **query)
    collect(server)
    assert used(server) == (before, files)
    assert delete(client, repository, *rest)["restorableUntil"] is None
    collect(server)
    after, remaining = used(server)
    assert (before - after, files - remaining) == (said["bytesFreed"], said["blobsFreed"])
    assert (said["tagCount"], said["manifestCount"]) == (len(said["tags"]), len(said["manifests"]))
    assert (said["bytesFreed"] > 0) == (what != "nested")
    assert (said["bytesShared"] > 0) == (what in {"repository", "nested"})
    assert_gone(client, repository, *said["tags"], *said["manifests"])
    for tag in tags - set(said["tags"]):
        assert transfer.pull_manifest(client, repository, tag).digest == made[tag].digest


def _aim(what: str, made: dict[str, images.Manifest]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The query of a preview, and what the deletion names."""
    digests = {"by digest": made["alone"].digest, "child": made["shared"].children[1].digest}
    if what in digests:
        return {"digest": digests[what]}, ("manifests", digests[what])
    if what in made:
        return {"tag": what}, ("tags", what)
    return {}, ()


def collect(server: Server) -> None:
    """A round of the collector."""
    ended = run_entrepot("gc", server.config_path)
    assert ended.returncode == 0, ended.stderr


def test_a_preview_of_what_moved(http: httpx.Client) -> None:
    """With tag and digest the preview is of the tag, while it points there."""
    old = transfer.push(http, "moved/app", images.image(), "latest")
    asked: dict[str, Any] = {"tag": "latest", "digest": old.digest}
    assert look(http, "moved/app", "reclaim", **asked)["manifests"] == [old.digest]
    transfer.push(http, "moved/app", images.image(), "latest")
    [detail] = refused(http.get(place("moved/app", "reclaim"), params=asked), 404, "MANIFEST_UNKNOWN")
    assert "does not point to" in detail


def test_a_restore_of_which_blobs_are_gone(start_server: StartServer) -> None:
    """409 names every blob that is gone, and nothing is restored in part."""
    server = start_server(AT_ONCE)
    client = server.client()
    made = transfer.push(client, "team/app", images.image(layers=2), "1.0")
    kept, *lost = made.blobs
    delete(client, "team/app", "manifests", made.digest)
    for blob in lost:
        assert client.delete(f"/v2/team/app/blobs/{blob.digest}").status_code == 202
        server.root.joinpath("docker/registry/v2/blobs/sha256", blob.digest[7:9], blob.digest[7:], "data").unlink()
    answer = client.post(place("team/app", "restore"), json={"digest": made.digest})
    details = refused(answer, 409, *["MANIFEST_BLOB_UNKNOWN"] * len(lost))
    assert set(details) == {blob.digest for blob in lost}
    assert_gone(client, "team/app", "1.0", made.digest)
    assert transfer.pull_blob(client, "team/app", kept.digest) == kept.data
