# SPDX-License-Identifier: Apache-2.0
"""`entrepot fsck` on a directory that docker-registry 2.8.2 wrote and that was damaged afterwards."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from support import images, transfer
from support.peer import collect_garbage
from support.server import run_entrepot

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartServer
    from peers.conftest import Turns
    from support.server import Server

pytestmark = pytest.mark.peers


def check(config: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """Status and findings."""
    said = run_entrepot("fsck", str(config), "--json", *options, seconds=60)
    assert said.returncode in {0, 1}, said.stderr
    return said.returncode, [json.loads(line) for line in said.stdout.splitlines()][:-1]


def kinds(findings: list[dict[str, Any]]) -> set[str]:
    """What sorts of things."""
    return {one["kind"] for one in findings}


def blob(data: Path, digest: str) -> Path:
    """Where bytes lie."""
    encoded = digest.partition(":")[2]
    return data / "docker/registry/v2/blobs/sha256" / encoded[:2] / encoded / "data"


def config_for(data: Path) -> Path:
    """A configuration that names the directory."""
    config = data.with_name("fsck.yml")
    config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {data}}}}}\n")
    return config


def test_what_it_wrote_is_good(turns: Turns) -> None:
    """Pushed, moved, deleted and collected by 2.8.2: nothing is wrong with what it leaves, also after a repair, and it
    serves it still.
    """
    kept, gone = images.image(style="docker"), images.image()
    peer = turns.theirs().client()
    transfer.push(peer, "team/app", gone, "1.0")
    transfer.push(peer, "team/app", kept, "1.0")
    transfer.push_blob(peer, "team/app", images.blob(5000, "sha512"))
    transfer.begin_upload(peer, "team/app")
    assert peer.delete(f"/v2/team/app/manifests/{gone.digest}").status_code == 202
    turns.nobody()
    assert check(config_for(turns.data), "--full")[0] == 0
    collect_garbage(turns.data, turns.data.with_name("collector"))
    status, findings = check(config_for(turns.data), "--full")
    assert (status, kinds(findings)) == (0, {"not-adopted", "blob-without-bytes", "upload"})
    assert check(config_for(turns.data), "--full", "--repair")[0] == 0
    transfer.assert_serves(turns.theirs().client(), "team/app", kept, ["1.0"])


def test_damage_is_found_and_what_can_be_is_mended(turns: Turns) -> None:
    """Every sort of damage is found in one run without an index; a repair mends the links, leaves all else, and both
    registries serve the good image.
    """
    good, bad, torn = images.image(), images.image(), images.image()
    peer = turns.theirs().client()
    for name, content in (("team/good", good), ("team/bad", bad), ("team/torn", torn)):
        transfer.push(peer, name, content, "1.0")
    transfer.begin_upload(peer, "team/good")
    turns.nobody()
    repositories = turns.data / "docker/registry/v2/repositories"
    blob(turns.data, bad.blobs[1].digest).write_bytes(b"wrong")
    blob(turns.data, torn.digest).unlink()
    layers = repositories / "team/good/_layers/sha256"
    link = layers / good.blobs[1].digest.partition(":")[2] / "link"
    link.write_bytes(b"")
    tags = repositories / "team/good/_manifests/tags"
    for tag, text in (("nowhere", images.blob().digest), ("broken", "junk"), ("empty", "")):
        (tags / tag / "current").mkdir(parents=True)
        (tags / tag / "current/link").write_text(text)
    (tags / "remains/index").mkdir(parents=True)
    shutil.copytree(repositories / "team/good", repositories / "Team-Upper")
    (repositories / "team/good/._notes").write_text("stray")
    status, findings = check(config_for(turns.data), "--full")
    assert status == 1
    expected = {"wrong-bytes", "manifest-without-bytes", "empty-link", "broken-link", "tag-without-manifest", "remains"}
    assert expected | {"old-name", "stray", "upload", "not-adopted", "incomplete-image"} <= kinds(findings)
    status, findings = check(config_for(turns.data), "--full", "--repair")
    mended = {one["where"].partition("repositories/")[2] for one in findings if not one["remains"]}
    assert mended == {str(link.relative_to(repositories)), "team/good/_manifests/tags/remains"}
    (wrong,) = [one for one in findings if one["kind"] == "wrong-bytes"]
    assert wrong["needed_by"] == ["team/bad", "team/bad:1.0"]
    assert (repositories / "Team-Upper/_layers").is_dir()
    assert (repositories / "team/good/._notes").read_text() == "stray"
    for registry in (turns.ours, turns.theirs):
        client = registry().client()
        transfer.assert_serves(client, "team/good", good, ["1.0"])
        assert client.get(f"/v2/team/bad/blobs/{bad.blobs[1].digest}").status_code == 404


def test_beside_a_running_server(start_server: StartServer) -> None:
    """While a server runs: nothing is wrong at first; wrong bytes are served until a repair, 404 afterwards, and a push
    to the running server heals them.
    """
    server: Server = start_server()
    client = server.client()
    content = images.image()
    transfer.push(client, "team/app", content, "1.0")
    transfer.begin_upload(client, "team/app")
    status, findings = check(server.config_path, "--full")
    assert (status, kinds(findings)) == (0, {"upload"})
    layer = content.blobs[1]
    blob(server.root, layer.digest).write_bytes(bytes(layer.size))
    assert client.get(f"/v2/team/app/blobs/{layer.digest}").content == bytes(layer.size)
    status, findings = check(server.config_path, "--full", "--repair")
    assert (status, kinds(findings)) == (1, {"wrong-bytes", "upload"})
    assert client.get(f"/v2/team/app/blobs/{layer.digest}").status_code == 404
    transfer.push(client, "team/app", content, "1.0")
    transfer.assert_serves(client, "team/app", content, ["1.0"])
    status, findings = check(server.config_path, "--full")
    assert (status, kinds(findings)) == (0, {"upload", "quarantined"})
