# SPDX-License-Identifier: Apache-2.0
"""podman and buildah build, push, pull and run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.containers import PLAIN_HTTP

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from support.containers import Containers

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("containers")]

# The limits that podman asks for by itself may be above what the machine grants.
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
RUN = ("run", "--rm", "--network", "none", *LIMITS)


def test_podman_push_pull_run(
    containers: Containers, reference: str, rootfs: bytes, wire: httpx.Client, repository: str
) -> None:
    """podman pushes an image, drops it, pulls it again with the same id, and runs it."""
    name = f"{reference}:1.0"
    made = containers.podman("import", "--quiet", "-", name, stdin=rootfs)
    containers.podman("push", PLAIN_HTTP, name)
    containers.podman("image", "exists", name)
    containers.podman("rmi", name)
    containers.podman("image", "exists", name, fails=True)
    assert containers.podman("pull", "--quiet", PLAIN_HTTP, name) == made.removeprefix("sha256:")
    assert containers.podman(*RUN, name, "/bin/echo", "ran") == "ran"
    config = json.loads(transfer.pull_manifest(wire, repository, "1.0").data)["config"]
    assert config["digest"] == made


def test_podman_pushes_zstd_and_several_layers(
    containers: Containers, reference: str, repository: str, wire: httpx.Client
) -> None:
    """podman pulls an image of five layers and pushes it recompressed, so that digests are known only at the end."""
    made = transfer.push(wire, repository, images.image(layers=5, size=50_000), "1.0")
    image = containers.podman("pull", "--quiet", PLAIN_HTTP, f"{reference}:1.0")
    other = f"{reference}/again:zstd"
    push = ("push", PLAIN_HTTP, "--compression-format", "zstd", "--format", "oci")
    containers.podman(*push, f"{reference}:1.0", other)
    served = json.loads(transfer.pull_manifest(wire, f"{repository}/again", "zstd").data)
    assert len(served["layers"]) == len(made.document["layers"]) == 5
    containers.podman("rmi", "--force", image)
    assert containers.podman("pull", "--quiet", PLAIN_HTTP, other) == image


def test_podman_manifest_push(
    containers: Containers, reference: str, repository: str, wire: httpx.Client, rootfs: bytes
) -> None:
    """`podman manifest push --all` writes an index whose two children pull."""
    whole = f"{reference}:1.0"
    containers.podman("manifest", "create", whole)
    for architecture in ("amd64", "arm64"):
        part = f"localhost/part:{architecture}"
        containers.podman("import", "--quiet", "--arch", architecture, "-", part, stdin=rootfs)
        containers.podman("manifest", "add", "--arch", architecture, whole, f"containers-storage:{part}")
    containers.podman("manifest", "push", "--all", PLAIN_HTTP, "--format", "oci", whole, f"docker://{whole}")
    served = transfer.pull_manifest(wire, repository, "1.0")
    assert served.media_type == images.OCI_INDEX
    children = json.loads(served.data)["manifests"]
    assert sorted(child["platform"]["architecture"] for child in children) == ["amd64", "arm64"]
    for child in children:
        containers.podman("pull", "--quiet", PLAIN_HTTP, f"{reference}@{child['digest']}")


def test_buildah_builds_on_what_it_pulled(
    containers: Containers, reference: str, rootfs: bytes, tmp_path: Path
) -> None:
    """buildah pushes a base, drops it, builds on the base it pulls, pushes the result, and pulls that again."""
    base, result = f"{reference}/base:1.0", f"{reference}/result:1.0"
    (tmp_path / "rootfs.tar").write_bytes(rootfs)
    recipes = {"base": "FROM scratch\nADD rootfs.tar /\n", "result": f"FROM {base}\nRUN echo built > /etc/built\n"}
    for name, recipe in recipes.items():
        (tmp_path / name).write_text(recipe)
    build = ("build", "--quiet", "--isolation", "chroot", PLAIN_HTTP, "--layers")
    containers.buildah(*build, "--file", tmp_path / "base", "--tag", base, tmp_path)
    containers.buildah("push", PLAIN_HTTP, base)
    containers.buildah("rmi", "--all", "--force")
    assert containers.buildah("images", "--quiet") == ""
    made = containers.buildah(*build, "--file", tmp_path / "result", "--tag", result, tmp_path)
    containers.buildah("push", PLAIN_HTTP, result)
    containers.buildah("rmi", "--all", "--force")
    assert containers.buildah("pull", "--quiet", PLAIN_HTTP, result) == made
    container = containers.buildah("from", "--pull-never", result)
    assert containers.buildah("run", "--isolation", "chroot", container, "--", "/bin/cat", "/etc/built") == "built"


def test_podman_search(containers: Containers, reference: str, repository: str, wire: httpx.Client) -> None:
    """podman's search finds a repository by a part of its name, and lists the tags of one."""
    transfer.push(wire, repository, images.image(layers=1), "1.0")
    host, _, name = reference.partition("/")
    found = containers.podman("search", PLAIN_HTTP, "--format", "{{.Name}}", f"{host}/{name[1:]}")
    assert reference in found.splitlines()
    tags = containers.podman("search", PLAIN_HTTP, "--list-tags", reference)
    assert [line.split() for line in tags.splitlines()] == [["NAME", "TAG"], [reference, "1.0"]]
