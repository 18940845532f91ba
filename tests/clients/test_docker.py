# SPDX-License-Identifier: Apache-2.0
"""Docker Engine pushes, pulls and runs."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import pytest

from support import images, transfer

if TYPE_CHECKING:
    import httpx

    from support.docker import Docker
    from support.server import Server

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("docker")]


def noise(size: int = 200_000) -> bytes:
    return secrets.token_bytes(size)


def pushed_digest(said: str) -> str:
    """The digest in the last line of `docker push`."""
    return said.rpartition("digest: ")[2].split()[0]


def test_push_pull_run(docker: Docker, reference: str, rootfs: bytes, wire: httpx.Client, repository: str) -> None:
    """An image of four layers, one of 8 MiB, is pushed, removed here, pulled by tag, and runs with all its files."""
    name = f"{reference}:1.0"
    layers = [("/etc/motto", b"landed, kept, shipped on\n"), ("/etc/noise", noise(8 << 20)), ("/etc/last", noise())]
    made = docker.make_image(name, rootfs, layers=layers)
    digest = pushed_digest(docker("push", name))
    assert docker.has(name)
    docker("rmi", name)
    assert not docker.has(name)
    assert digest in docker("pull", name)
    assert docker.image_id(name) == made
    assert docker("run", "--rm", "--network", "none", name) == "hello from the image"
    assert docker("run", "--rm", "--network", "none", name, "cat", "/etc/motto") == "landed, kept, shipped on"
    served = transfer.pull_manifest(wire, repository, "1.0")
    assert served.digest == digest
    assert len(json.loads(served.data)["layers"]) == 4


def test_pull_by_digest(docker: Docker, reference: str, rootfs: bytes) -> None:
    """What was pushed under a tag is pulled by its digest."""
    name = f"{reference}:1.0"
    made = docker.make_image(name, rootfs, layers=[("/etc/noise", noise())])
    by_digest = f"{reference}@{pushed_digest(docker('push', name))}"
    docker("rmi", name)
    assert not docker.has(name)
    docker("pull", by_digest)
    assert docker.image_id(by_digest) == made


def test_push_the_same_image_twice(docker: Docker, reference: str, rootfs: bytes) -> None:
    """A second push uploads no layer, succeeds and gives the same digest."""
    name = f"{reference}:1.0"
    docker.make_image(name, rootfs, layers=[("/etc/noise", noise())])
    first, second = docker("push", name), docker("push", name)
    assert "Pushed" in first
    assert second.count("Layer already exists") == 2
    assert pushed_digest(first) == pushed_digest(second)


def test_mount_from_another_repository(docker: Docker, reference: str, rootfs: bytes) -> None:
    """Pushing an image to a second repository mounts its layers there instead of uploading them."""
    name, other = f"{reference}/first:1.0", f"{reference}/second:1.0"
    made = docker.make_image(name, rootfs, layers=[("/etc/noise", noise())])
    docker("push", name)
    docker("tag", name, other)
    said = docker("push", other)
    assert said.count("Mounted from") == 2, said
    docker("rmi", name, other)
    docker("pull", other)
    assert docker.image_id(other) == made


def test_move_a_tag(docker: Docker, reference: str, rootfs: bytes) -> None:
    """A tag pushed again with other content moves: a fresh pull gets the new image, the old one stays by digest."""
    name = f"{reference}:latest"
    old = docker.make_image(name, rootfs, layers=[("/etc/release", b"old\n")])
    old_digest = pushed_digest(docker("push", name))
    new = docker.make_image(name, rootfs, layers=[("/etc/release", b"new\n")])
    assert pushed_digest(docker("push", name)) != old_digest
    docker("rmi", name)
    docker("pull", name)
    assert docker.image_id(name) == new
    assert docker("run", "--rm", "--network", "none", name, "cat", "/etc/release") == "new"
    docker("pull", f"{reference}@{old_digest}")
    assert docker.image_id(f"{reference}@{old_digest}") == old


def test_manifest_create_and_push(docker: Docker, reference: str, rootfs: bytes, wire: httpx.Client) -> None:
    """`docker manifest create` and `push` over plain HTTP make a multi-platform image that docker pulls."""
    made = {}
    for architecture in ("amd64", "arm64"):
        made[architecture] = docker.make_image(f"{reference}:{architecture}", rootfs, layers=[("/etc/noise", noise())])
        docker("push", f"{reference}:{architecture}")
    whole = f"{reference}:1.0"
    docker("manifest", "create", "--insecure", whole, f"{reference}:amd64", f"{reference}:arm64")
    docker("manifest", "annotate", whole, f"{reference}:arm64", "--arch", "arm64")
    docker("manifest", "push", "--insecure", whole)
    served = transfer.pull_manifest(wire, reference.partition("/")[2], "1.0")
    assert served.media_type == images.DOCKER_LIST
    children = json.loads(served.data)["manifests"]
    assert sorted(child["platform"]["architecture"] for child in children) == ["amd64", "arm64"]
    assert "arm64" in docker("manifest", "inspect", "--insecure", whole)
    docker("rmi", f"{reference}:amd64", f"{reference}:arm64")
    for architecture, image in made.items():
        docker("pull", "--platform", f"linux/{architecture}", whole)
        assert docker.image_id(whole) == image


@pytest.mark.parametrize("style", ["oci", "docker"])
def test_pull_what_another_client_pushed(
    docker: Docker, reference: str, repository: str, wire: httpx.Client, style: images.Style
) -> None:
    """Docker pulls images and indexes of both families, pushed by a plain HTTP client."""
    made = transfer.push(wire, repository, images.index(style=style), "1.0")
    docker("pull", "--platform", "linux/amd64", f"{reference}:1.0")
    (own,) = [each for each in made.children if b"amd64" in each.blobs[0].data]
    assert docker.image_id(f"{reference}:1.0") == own.blobs[0].digest


def test_unknown_names_are_refused(docker: Docker, registry: Server, reference: str) -> None:
    """Pulling a tag or repository that is not there fails with docker's own words for it."""
    said = docker("pull", f"{registry.host}/clients/nobody:1.0", fails=True)
    assert "not found" in said or "manifest unknown" in said
    assert "invalid reference format" in docker("pull", f"{reference}:-", fails=True)


def test_search(docker: Docker, reference: str, rootfs: bytes, wire: httpx.Client, repository: str) -> None:
    """`docker search HOST:PORT/TERM` finds what was pushed, and no more once it is deleted."""
    docker.make_image(f"{reference}:1.0", rootfs)
    digest = pushed_digest(docker("push", f"{reference}:1.0"))
    host, _, name = reference.partition("/")
    assert name == repository
    columns = ["search", "--format", "{{.Name}}"]
    assert name in docker(*columns, f"{host}/{name.upper()}").splitlines()
    assert docker(*columns, f"{host}/{name}-nobody-has-this") == ""
    assert wire.delete(f"/v2/{repository}/manifests/{digest}").status_code == 202
    assert docker(*columns, f"{host}/{name}") == ""
