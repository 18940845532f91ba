# SPDX-License-Identifier: Apache-2.0
"""Clients sign in to a registry behind an htpasswd file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.auth.htpasswd import make_line
from support import images
from support.layouts import write_layout
from support.signing_in import PASSWORD, USER, go_round_with_docker, go_round_with_podman, go_round_with_skopeo

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartServer
    from support.containers import Containers
    from support.docker import Docker

pytestmark = [pytest.mark.clients]


@pytest.fixture
def host(start_server: StartServer, tmp_path: Path) -> str:
    """A registry that knows one user."""
    path = tmp_path / "htpasswd"
    path.write_text(make_line(USER, PASSWORD) + "\n")
    return start_server({"auth": {"htpasswd": {"realm": "The Registry", "path": str(path)}}}).host


@pytest.mark.xdist_group("docker")
def test_docker(docker: Docker, host: str, rootfs: bytes) -> None:
    """docker login, push, pull."""
    go_round_with_docker(docker, host, rootfs)


@pytest.mark.xdist_group("containers")
def test_podman(containers: Containers, host: str, rootfs: bytes) -> None:
    """podman login, push, pull."""
    go_round_with_podman(containers, host, rootfs)


@pytest.mark.xdist_group("containers")
def test_skopeo(containers: Containers, host: str, tmp_path: Path) -> None:
    """skopeo login, copy, list-tags, delete."""
    go_round_with_skopeo(containers, host, f"{write_layout(tmp_path / 'image', images.image())}:1.0")
