# SPDX-License-Identifier: Apache-2.0
"""Docker on one host, the registry on another: an address where docker does not allow plain HTTP unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import namespaces
from support.docker import Docker
from support.server import Server

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("docker")]


def test_push_and_pull_over_a_network(tmp_path: Path, rootfs: bytes) -> None:
    """Docker refuses plain HTTP on another host until `insecure-registries` names it; then push, pull and run work."""
    with namespaces.wire() as (here, there), Server(tmp_path / "registry", namespace=here) as server:
        name = f"{server.host}/team/app:1.0"
        with Docker(namespace=there) as strict:
            strict.make_image(name, rootfs)
            assert "server gave HTTP response to HTTPS client" in strict("push", name, fails=True)
        with Docker(namespace=there, insecure=[namespaces.NETWORK]) as docker:
            made = docker.make_image(name, rootfs, layers=[("/etc/motto", b"over the wire\n")])
            docker("push", name)
            assert docker.has(name)
            docker("rmi", name)
            assert not docker.has(name)
            assert docker("run", "--rm", "--network", "none", name, "cat", "/etc/motto").endswith("over the wire")
            assert docker.image_id(name) == made
