# SPDX-License-Identifier: Apache-2.0
"""docker, podman and skopeo over TLS with a private authority, trusted in the places that `entrepot cert` names."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from support import images, namespaces, programs, transfer
from support.certificates import issue, self_sign
from support.docker import Docker
from support.layouts import write_directory
from support.server import Server
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.containers import Containers

pytestmark = [pytest.mark.clients]


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Server]:
    """A registry on loopback with a certificate of a private authority."""
    files = issue(tmp_path / "certs")
    with Server(tmp_path / "server", files.config, ca=files.ca) as server:
        yield server


@pytest.fixture
def certs(secure: Server, tmp_path: Path) -> Path:
    """A directory as --cert-dir wants it: the authority in ``ca.crt``."""
    assert secure.ca is not None
    directory = tmp_path / "cert-dir"
    directory.mkdir()
    shutil.copy(secure.ca, directory / "ca.crt")
    return directory


@pytest.mark.xdist_group("docker")
def test_docker(tmp_path: Path, rootfs: bytes) -> None:
    """From another host: docker refuses an authority that it does not know; with ca.crt in certs.d/HOST:PORT it pushes,
    pulls and runs, without `insecure-registries`, and goes on after the certificate was renewed.
    """
    with namespaces.wire() as (here, there):
        files = issue(tmp_path / "certs", here.address)
        with Server(tmp_path / "registry", files.config, namespace=here, ca=files.ca) as server:
            name = f"{server.host}/team/app:1.0"
            with Docker(namespace=there) as stranger:
                stranger.make_image(name, rootfs)
                assert "certificate signed by unknown authority" in stranger("push", name, fails=True)
            with Docker(namespace=there, trusted={server.host: files.ca}) as docker:
                made = docker.make_image(name, rootfs, layers=[("/etc/motto", b"over TLS\n")])
                docker("push", name)
                docker("rmi", name)
                assert not docker.has(name)
                assert docker("run", "--rm", "--network", "none", name, "cat", "/etc/motto").endswith("over TLS")
                assert docker.image_id(name) == made
                issue(tmp_path / "certs", here.address)
                until(lambda: "new workers serve" in server.log(), what="the renewed certificate is served")
                docker("rmi", "--force", name)
                docker("pull", name)
                assert docker.image_id(name) == made


@pytest.mark.xdist_group("docker")
def test_docker_and_the_old_recipe(tmp_path: Path, rootfs: bytes) -> None:
    """A certificate of the usual recipe, without subject alternative names, is refused by docker even where it is
    trusted: what the start warns of is so.
    """
    with namespaces.wire() as (here, there):
        files = self_sign(tmp_path / "certs", "-subj", f"/CN={here.address}")
        server = Server(tmp_path / "registry", files.config, namespace=here)
        server._answers = lambda: "entrepot" in _root(here, server)  # type: ignore[method-assign]
        with server, Docker(namespace=there, trusted={server.host: files.ca}) as docker:
            docker.make_image(f"{server.host}/team/app:1.0", rootfs)
            said = docker("push", f"{server.host}/team/app:1.0", fails=True)
            assert "x509" in said
            assert "doesn't contain any IP SANs" in said or "legacy Common Name" in said
            assert "has no subject alternative name" in server.log()


def _root(here: namespaces.Namespace, server: Server) -> str:
    try:
        return programs.run(here.inside([programs.find("curl"), "-sS", "--insecure", server.url]), seconds=10)
    except programs.Failed:
        return ""


@pytest.mark.xdist_group("containers")
def test_podman(containers: Containers, secure: Server, certs: Path, rootfs: bytes) -> None:
    """podman refuses without the authority, and pushes and pulls with it."""
    name = f"{secure.host}/team/podman:1.0"
    made = containers.podman("import", "--quiet", "-", name, stdin=rootfs)
    assert "unknown authority" in containers.podman("push", name, fails=True)
    containers.podman("push", "--cert-dir", certs, name)
    containers.podman("rmi", name)
    assert containers.podman("pull", "--quiet", "--cert-dir", certs, name) == made.removeprefix("sha256:")
    config = json.loads(transfer.pull_manifest(secure.client(), "team/podman", "1.0").data)["config"]
    assert config["digest"] == made


@pytest.mark.xdist_group("containers")
def test_skopeo(containers: Containers, secure: Server, certs: Path, tmp_path: Path) -> None:
    """skopeo refuses without the authority, and copies there and back, every byte the same, with it."""
    source, target = write_directory(tmp_path / "source", images.image(layers=3)), tmp_path / "target"
    remote = f"docker://{secure.host}/team/skopeo:1.0"
    assert "unknown authority" in containers.skopeo("copy", f"dir:{source}", remote, fails=True)
    containers.skopeo("copy", "--preserve-digests", "--dest-cert-dir", certs, f"dir:{source}", remote)
    containers.skopeo("copy", "--preserve-digests", "--src-cert-dir", certs, remote, f"dir:{target}")
    for path in source.iterdir():
        assert (target / path.name).read_bytes() == path.read_bytes()
