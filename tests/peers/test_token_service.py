# SPDX-License-Identifier: Apache-2.0
"""docker-registry 2.8.2 trusts our token service: docker logs in there, pushes and pulls, with our accounts."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from support.accounts import PASSWORD, accounts, make_administrator
from support.docker import Docker
from support.server import run_entrepot
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from conftest import StartPeer, StartServer
    from support.peer import Peer
    from support.server import Server

pytestmark = [pytest.mark.peers, pytest.mark.clients, pytest.mark.xdist_group("docker")]


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    """A docker engine of our own."""
    with Docker() as engine:
        yield engine


@pytest.fixture(params=["the pair that is made", "rsa:4096 by openssl"])
def given(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """What the configuration says of the pair."""
    if request.param == "the pair that is made":
        return {}
    usual = ["openssl", "req", "-x509", "-newkey", "rsa:4096", "-nodes", "-sha256", "-days", "365", "-subj", "/CN=auth"]
    files = {"key": tmp_path / "auth.key", "cert": tmp_path / "auth.crt"}
    command = [*usual, "-keyout", str(files["key"]), "-out", str(files["cert"])]
    subprocess.run(command, check=True, capture_output=True)
    return {name: str(path) for name, path in files.items()}


def trust(start_peer: StartPeer, registry: Server, home: Path) -> Peer:
    """A docker-registry with what ``entrepot token certificate`` prints as its bundle."""
    printed = run_entrepot("token", "certificate", registry.config_path)
    assert printed.returncode == 0, printed.stderr
    bundle = home / "bundle.crt"
    bundle.write_text(printed.stdout)
    names = {"realm": f"{registry.url}/api/auth", "service": "test registry", "issuer": "test issuer"}
    return start_peer({"auth": {"token": {**names, "rootcertbundle": str(bundle)}}})


def some_files() -> bytes:
    """A tar archive that docker takes for an image."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("motto")
        entry.size = 7
        tar.addfile(entry, io.BytesIO(b"landed\n"))
    return archive.getvalue()


def test_another_registry_trusts_ours(
    start_server: StartServer, start_peer: StartPeer, docker: Docker, given: dict[str, Any], tmp_path: Path
) -> None:
    """Login, push and pull at docker-registry 2.8.2 with an account of ours; what our rules do not allow is denied
    there, and so is who did not log in. Our own registry takes the same tokens.
    """
    registry = start_server(accounts(**given))
    people = make_administrator(registry)
    people.user("alice")
    people.rule("user:alice", "team/**", "pull", "push")
    peer = trust(start_peer, registry, tmp_path)
    challenge = peer.client().get("/v2/").headers["WWW-Authenticate"]
    assert f'realm="{registry.url}/api/auth",service="test registry"' in challenge
    client = registry.client()
    wanted = {"scope": "repository:team/app:pull,push", "service": "test registry"}
    until(lambda: granted(client.get("/api/auth", auth=("alice", PASSWORD), params=wanted)), what="the rules hold")

    name = f"{peer.host}/team/app:1.0"
    made = docker("import", "-", name, stdin=some_files())
    assert refused(docker("push", name, fails=True))
    log_in = ("login", "-u", "alice", "--password-stdin", peer.host)
    assert "the name or the password is wrong" in docker(*log_in, stdin=b"wrong", fails=True)
    assert "Login Succeeded" in docker(*log_in, stdin=PASSWORD.encode())
    docker("push", name)
    docker("rmi", name)
    docker("pull", name)
    assert docker.image_id(name) == made
    docker("tag", name, f"{peer.host}/private/app:1.0")
    assert refused(docker("push", f"{peer.host}/private/app:1.0", fails=True))
    docker("logout", peer.host)
    docker("rmi", name, f"{peer.host}/private/app:1.0")

    raw = client.get("/api/auth", auth=("alice", PASSWORD), params=wanted).json()["token"]
    headers = {"Authorization": f"Bearer {raw}"}
    assert peer.client().get("/v2/team/app/tags/list", headers=headers).json()["tags"] == ["1.0"]
    assert client.get("/v2/", headers=headers).status_code == 200


def test_a_refresh_token_opens_nothing_elsewhere(
    start_server: StartServer, start_peer: StartPeer, tmp_path: Path
) -> None:
    """A registry that trusts our certificate does not take a refresh token for an access token."""
    registry = start_server(accounts())
    people = make_administrator(registry)
    alice = people.user("alice")
    peer = trust(start_peer, registry, tmp_path)
    client = registry.client()
    until(lambda: client.get("/v2/", auth=alice).status_code == 200, what="alice is known")
    document = client.get("/api/auth", auth=alice, params={"offline_token": "true"}).json()
    for kind, status in (("token", 200), ("refresh_token", 401)):
        headers = {"Authorization": f"Bearer {document[kind]}"}
        assert peer.client().get("/v2/", headers=headers).status_code == status


def granted(answer: httpx.Response) -> bool:
    """Whether the token grants anything."""
    claims = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    return bool(claims["access"])


def refused(said: str) -> bool:
    """Whether docker was told that it may not."""
    return "denied" in said or "unauthorized" in said
