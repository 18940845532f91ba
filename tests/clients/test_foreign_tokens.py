# SPDX-License-Identifier: Apache-2.0
"""Clients get tokens from an issuer that is not ours and bring them to a registry that trusts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from entrepot.auth.key_names import find_thumbprint
from support import images
from support.forging import ABSENT
from support.issuer import Issuer
from support.layouts import write_layout
from support.signing_in import PASSWORD, USER, go_round_with_docker, go_round_with_podman, go_round_with_skopeo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import StartServer
    from support.containers import Containers
    from support.docker import Docker

pytestmark = [pytest.mark.clients]


@pytest.fixture(params=["RSA, libtrust id, refresh tokens", "EC, thumbprint", "EC, x5c"])
def issuer(request: pytest.FixtureRequest) -> Iterator[Issuer]:
    """Issuers as they differ: keys, their names, and whether they give refresh tokens, which docker brings by POST."""
    kind = request.param.split(", ")
    key = rsa.generate_private_key(65537, 2048) if kind[0] == "RSA" else ec.generate_private_key(ec.SECP256R1())
    headers: dict[str, dict[str, object]] = {
        "libtrust id": {},
        "thumbprint": {"kid": find_thumbprint(key.public_key())},
        "x5c": {"kid": ABSENT, "x5c": "chain"},
    }
    with Issuer({USER: PASSWORD}, key=key, header=headers[kind[1]], refreshing=len(kind) == 3) as running:
        yield running


@pytest.fixture
def host(start_server: StartServer, issuer: Issuer, tmp_path: Path) -> str:
    """A registry that trusts it."""
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(issuer.authority.pem)
    return start_server({"auth": {"token": issuer.settings(bundle)}}).host


@pytest.mark.xdist_group("docker")
def test_docker(docker: Docker, issuer: Issuer, host: str, rootfs: bytes) -> None:
    """docker login, push, mount, pull; with a refresh token where it was given one."""
    go_round_with_docker(docker, host, rootfs)
    assert (("POST", USER) in issuer.asked) is issuer.refreshing
    assert ("GET", USER) in issuer.asked


@pytest.mark.xdist_group("containers")
def test_podman(containers: Containers, issuer: Issuer, host: str, rootfs: bytes) -> None:
    """podman login, push, pull."""
    go_round_with_podman(containers, host, rootfs)
    assert ("GET", USER) in issuer.asked


@pytest.mark.xdist_group("containers")
def test_skopeo(containers: Containers, issuer: Issuer, host: str, tmp_path: Path) -> None:
    """skopeo login, copy, list-tags, delete."""
    go_round_with_skopeo(containers, host, f"{write_layout(tmp_path / 'image', images.image())}:1.0")
    assert ("GET", USER) in issuer.asked
