# SPDX-License-Identifier: Apache-2.0
"""`entrepot gc` and `entrepot restore`, beside a running server and without one, as docs/deleting.md has them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.programs import PROJECT
from support.server import Server, run_entrepot

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

REPOSITORY = "team/app"


@pytest.fixture(params=[True, False], ids=["beside", "alone"])
def beside(request: pytest.FixtureRequest) -> bool:
    """Whether the server runs while a command does."""
    return bool(request.param)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server whose own collector takes nothing during a test."""
    with Server(tmp_path, {"collector": {"grace": "0s", "interval": "10h"}, "trash": {"age": "1h"}}) as running:
        yield running


def say(server: Server, *arguments: str, beside: bool = True) -> str:
    """What a command says, which must succeed; `beside`: while the server runs."""
    if not beside:
        server.stop()
    ended = run_entrepot(*arguments, server.config_path)
    assert ended.returncode == 0, ended.stderr
    if not beside:
        server.start()
    return ended.stdout


def tags(http: httpx.Client) -> list[str]:
    """The tags of the repository."""
    return list(http.get(f"/v2/{REPOSITORY}/tags/list").json()["tags"])


def files(server: Server) -> int:
    """How many blobs have bytes."""
    return len(list(server.root.glob("docker/registry/v2/blobs/*/*/*/data")))


def test_restore(server: Server, *, beside: bool) -> None:
    """A tag, a manifest and a repository come back as they were; what is not in the trash is said to be so."""
    made, other = images.index(), images.image()
    transfer.push(server.client(), REPOSITORY, made, "1.0")
    transfer.push(server.client(), REPOSITORY, other, "other")
    server.client().delete(f"/v2/{REPOSITORY}/manifests/1.0").raise_for_status()
    assert tags(server.client()) == ["other"]
    said = say(server, "restore", f"{REPOSITORY}:1.0", beside=beside)
    assert said == f"restored {REPOSITORY}@{made.digest} with 1.0\n"
    transfer.assert_serves(server.client(), REPOSITORY, made, ["1.0"])
    server.client().delete(f"/v2/{REPOSITORY}/manifests/{made.digest}").raise_for_status()
    assert server.client().get(f"/v2/{REPOSITORY}/manifests/1.0").status_code == 404
    assert "with 1.0" in say(server, "restore", f"{REPOSITORY}@{made.digest}", beside=beside)
    transfer.assert_serves(server.client(), REPOSITORY, made, ["1.0"])
    say(server, "restore", f"{REPOSITORY}:1.0", "--to", other.digest, beside=beside)
    transfer.assert_serves(server.client(), REPOSITORY, other, ["1.0", "other"])
    server.client().delete(f"/v2/{REPOSITORY}/manifests/{other.digest}").raise_for_status()
    assert tags(server.client()) == []
    say(server, "restore", REPOSITORY, beside=beside)
    transfer.assert_serves(server.client(), REPOSITORY, other, ["1.0", "other"])
    refused = run_entrepot("restore", REPOSITORY, server.config_path)
    assert (refused.returncode, refused.stderr) == (1, f"Error: there is nothing in the trash of {REPOSITORY}\n")


def test_collect(server: Server, *, beside: bool) -> None:
    """A dry run says what goes, a run takes it, explain tells why something is kept and when it went."""
    made, gone = images.image(), images.blob(5000)
    transfer.push(server.client(), REPOSITORY, made, "1.0")
    transfer.push_blob(server.client(), REPOSITORY, gone)
    assert f"linked in {REPOSITORY}" in say(server, "gc", "explain", gone.digest, beside=beside)
    said = say(server, "gc", "--dry-run", beside=beside)
    assert "1 links to blobs that no manifest names would be removed" in said
    assert files(server) == 5
    assert "1 blobs with 4.9 KiB were removed" in say(server, "gc", beside=beside)
    assert files(server) == 4
    assert "removed by the collector" in say(server, "gc", "explain", gone.digest, beside=beside)
    assert f"the tag {REPOSITORY}:1.0" in say(server, "gc", "explain", made.digest, beside=beside)
    layer = made.blobs[0].digest
    assert f"the manifest {made.digest} in {REPOSITORY} names it" in say(server, "gc", "explain", layer, beside=beside)
    server.client().delete(f"/v2/{REPOSITORY}/manifests/1.0").raise_for_status()
    assert "0 blobs" in say(server, "gc", beside=beside)
    assert f"in the trash of {REPOSITORY} until" in say(server, "gc", "explain", layer, beside=beside)
    transfer.assert_serves(server.client(), REPOSITORY, made)
    assert "knows nothing" in say(server, "gc", "explain", images.digest_of(b"never"), beside=beside)
    assert run_entrepot("gc", "explain", "latest", server.config_path).returncode == 1


def test_delete_untagged(server: Server, *, beside: bool) -> None:
    """Images without tag, index and subject go to the trash; those of other platforms and referrers stay."""
    index, old = images.index(), images.image()
    signature = images.artifact(subject=index)
    transfer.push(server.client(), REPOSITORY, old, "1.0")
    transfer.push(server.client(), REPOSITORY, index, "1.0")
    transfer.push(server.client(), REPOSITORY, signature)
    assert "1 untagged manifests would go" in say(server, "gc", "-d", "-m", beside=beside)
    assert "1 untagged manifests went" in say(server, "gc", "--delete-untagged", beside=beside)
    assert f"trash of {REPOSITORY}" in say(server, "gc", "explain", old.digest, beside=beside)
    assert "0 untagged" in say(server, "gc", "--delete-untagged", beside=beside)
    transfer.assert_serves(server.client(), REPOSITORY, index, ["1.0"])
    say(server, "restore", f"{REPOSITORY}:1.0", beside=beside)
    transfer.assert_serves(server.client(), REPOSITORY, old, ["1.0"])


def test_read_only(server: Server) -> None:
    """In a read-only registry nothing is collected or restored, and it says why."""
    server.stop()
    for command in (("gc",), ("restore", REPOSITORY)):
        ended = run_entrepot(
            *command, server.config_path, env={"REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED": "true"}
        )
        assert (ended.returncode, "read-only" in ended.stderr) == (1, True)


def test_the_index_of_another(server: Server, tmp_path: Path) -> None:
    """Beside a server nothing is collected by an index that is not the server's: it does not know what people push, nor
    what is in the trash. Once the server is stopped it can be.
    """
    made = transfer.push(server.client(), REPOSITORY, images.image(), "1.0")
    server.client().delete(f"/v2/{REPOSITORY}/manifests/{made.digest}").raise_for_status()
    elsewhere = {"REGISTRY_INDEX_URL": f"sqlite:///{tmp_path}/elsewhere.sqlite3"}
    for _ in range(2):
        ended = run_entrepot("gc", server.config_path, env=elsewhere)
        assert (ended.returncode, "its index is another one" in ended.stderr) == (1, True)
    assert files(server) == 4
    server.stop()
    ended = run_entrepot("gc", server.config_path, env=elsewhere)
    assert ended.returncode == 0, ended.stderr


def test_the_documentation_names_what_there_is() -> None:
    """Every command of docs/deleting.md is one that there is, with options that it takes."""
    text = (PROJECT / "docs" / "deleting.md").read_text()
    commands = re.findall(r"^    entrepot (.+)$", text, re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        words = command.split()
        length = 2 if words[0] == "gc" and words[1] == "explain" else 1
        helped = run_entrepot(*words[:length], *(["run"] if words[0] == "gc" and length == 1 else []), "--help")
        assert helped.returncode == 0, command
        assert all(word in helped.stdout for word in words if word.startswith("--")), command
