# SPDX-License-Identifier: Apache-2.0
"""docker, podman and skopeo log in to accounts, with tokens of our own service, and do what their rules say."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.accounts import PASSWORD, ROOT, People, accounts, make_administrator
from support.containers import PLAIN_HTTP
from support.layouts import write_directory
from support.server import Server
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from support.containers import Containers
    from support.docker import Docker

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("docker")]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry with accounts: alice pulls and pushes team/**, everybody pulls public/**."""
    with Server(tmp_path_factory.mktemp("guarded") / "server", accounts()) as server:
        yield server


@pytest.fixture(scope="module")
def people(guarded: Server) -> People:
    """Who there is."""
    people = make_administrator(guarded)
    people.user("alice")
    people.user("bob")
    people.rule("user:alice", "team/**", "pull", "push")
    people.rule("role:anonymous", "public/**", "pull")
    client = guarded.client()
    client.auth = ROOT
    transfer.push(client, "public/tool", images.image(layers=1), "1.0")
    transfer.push(client, "team/other", images.image(layers=1), "1.0")
    return people


@pytest.fixture
def root(guarded: Server, people: People) -> httpx.Client:
    """The administrator on the wire, once the rules hold."""
    anonymous = guarded.client()
    until(lambda: anonymous.get("/v2/public/tool/manifests/1.0").status_code == 200, what="the rules hold")
    assert people.account("alice").roles == ()
    client = guarded.client()
    client.auth = ROOT
    return client


def log_in(docker: Docker, registry: Server, user: str, password: str, *, fails: bool = False) -> str:
    return docker("login", "-u", user, "--password-stdin", registry.host, stdin=password.encode(), fails=fails)


def credentials(docker: Docker, registry: Server) -> dict[str, str]:
    """What docker keeps after a login."""
    kept: dict[str, str] = json.loads((docker.home / "client" / "config.json").read_text())["auths"][registry.host]
    return kept


def refused(said: str) -> bool:
    """Whether docker was told that it may not; its words depend on where it met the refusal."""
    return "denied" in said or "unauthorized" in said


@pytest.mark.usefixtures("root")
def test_docker(docker: Docker, guarded: Server, rootfs: bytes) -> None:
    """docker pushes nothing before a login, and after it what its user may; it keeps a refresh token, not the password;
    what is not allowed is denied.
    """
    name = f"{guarded.host}/team/app:1.0"
    made = docker.make_image(name, rootfs)
    assert refused(docker("push", name, fails=True))
    assert "the name or the password is wrong" in log_in(docker, guarded, "alice", "wrong", fails=True)
    assert "Login Succeeded" in log_in(docker, guarded, "alice", PASSWORD)
    assert credentials(docker, guarded)["identitytoken"]
    docker("push", name)
    docker("rmi", name)
    docker("pull", name)
    assert docker.image_id(name) == made
    elsewhere = f"{guarded.host}/private/app:1.0"
    docker("tag", name, elsewhere)
    said = docker("push", elsewhere, fails=True)
    assert "denied" in said or "unauthorized" in said
    assert (
        "denied" in (said := docker("pull", f"{guarded.host}/private/none:1.0", fails=True)) or "unauthorized" in said
    )
    docker("logout", guarded.host)


def test_docker_mounts_what_it_may_pull(docker: Docker, guarded: Server, rootfs: bytes, root: httpx.Client) -> None:
    """Pushing to a second repository mounts the layers, with a token for both."""
    first, second = f"{guarded.host}/team/first:1.0", f"{guarded.host}/team/second:1.0"
    docker.make_image(first, rootfs)
    log_in(docker, guarded, "alice", PASSWORD)
    docker("push", first)
    docker("tag", first, second)
    assert "Mounted from team/first" in docker("push", second)
    assert root.get("/v2/team/second/tags/list").json()["tags"] == ["1.0"]
    docker("logout", guarded.host)


@pytest.mark.usefixtures("root")
def test_docker_pulls_what_is_public(docker: Docker, guarded: Server) -> None:
    """Without a login, with an anonymous token; what is not public it cannot have."""
    assert "Downloaded" in docker("pull", f"{guarded.host}/public/tool:1.0")
    assert refused(docker("pull", f"{guarded.host}/team/other:1.0", fails=True))


@pytest.mark.usefixtures("root")
def test_docker_searches(docker: Docker, guarded: Server) -> None:
    """It finds what its user may pull, and no more: what is public before the login, then the team's, too."""
    assert "public/tool" in docker("search", f"{guarded.host}/tool")
    assert "team/other" not in docker("search", f"{guarded.host}/other")
    log_in(docker, guarded, "alice", PASSWORD)
    assert "team/other" in docker("search", f"{guarded.host}/other")
    docker("logout", guarded.host)
    log_in(docker, guarded, "bob", PASSWORD)
    assert "team/other" not in docker("search", f"{guarded.host}/other")
    docker("logout", guarded.host)


def test_a_robot_with_docker(
    docker: Docker, guarded: Server, rootfs: bytes, people: People, root: httpx.Client
) -> None:
    """With docker a robot logs in by its name and token as a user does."""
    name, secret = people.robot("builder")
    people.rule("robot:builder", "team/*", "pull", "push")
    time.sleep(1)  # until it holds on all workers, as promised
    image = f"{guarded.host}/team/built:1.0"
    docker.make_image(image, rootfs)
    log_in(docker, guarded, name, secret)
    docker("push", image)
    assert root.get("/v2/team/built/tags/list").json()["tags"] == ["1.0"]
    people.lock(name)
    time.sleep(1)  # until the lock holds on all workers, as promised
    assert "locked" in docker("push", image, fails=True)
    docker("logout", guarded.host)


@pytest.mark.usefixtures("root")
def test_podman(containers: Containers, guarded: Server, tmp_path: Path) -> None:
    """podman logs in, pushes, pulls and searches as its rules say, and pulls what is public without."""
    local, remote = f"dir:{write_directory(tmp_path / 'made', images.image(layers=2))}", f"{guarded.host}/team/pod:1.0"
    pulled = containers.podman("pull", PLAIN_HTTP, local)
    containers.podman("tag", pulled.splitlines()[-1], remote)
    assert containers.podman("push", PLAIN_HTTP, remote, fails=True)
    wrong = containers.podman("login", PLAIN_HTTP, "-u", "alice", "-p", "wrong", guarded.host, fails=True)
    assert "invalid username/password" in wrong
    assert "Login Succeeded" in containers.podman("login", PLAIN_HTTP, "-u", "alice", "-p", PASSWORD, guarded.host)
    containers.podman("push", PLAIN_HTTP, remote)
    containers.podman("rmi", remote)
    containers.podman("pull", PLAIN_HTTP, remote)
    assert containers.podman("push", PLAIN_HTTP, remote, f"{guarded.host}/private/pod:1.0", fails=True)
    # It sends no credentials to a search that answers without: where something is public it finds no more than that.
    assert "public/tool" in containers.podman("search", PLAIN_HTTP, f"{guarded.host}/tool")
    containers.podman("logout", guarded.host)
    containers.podman("pull", PLAIN_HTTP, f"{guarded.host}/public/tool:1.0")
    assert containers.podman("pull", PLAIN_HTTP, f"{guarded.host}/team/other:1.0", fails=True)


def test_skopeo(containers: Containers, guarded: Server, tmp_path: Path, root: httpx.Client) -> None:
    """skopeo logs in, copies, inspects and lists as its rules say; deleting needs a right of its own."""
    source, remote = f"dir:{write_directory(tmp_path / 'made', images.image())}", f"docker://{guarded.host}/team/sk:1.0"
    put = ("copy", "--dest-tls-verify=false", source)
    assert containers.skopeo(*put, remote, fails=True)
    login = ("login", PLAIN_HTTP, "--authfile", tmp_path / "auth", "-u", "alice", "-p", PASSWORD, guarded.host)
    assert "Login Succeeded" in containers.skopeo(*login)
    mine = ("--authfile", tmp_path / "auth")
    containers.skopeo(*put, *mine, remote)
    assert json.loads(containers.skopeo("inspect", PLAIN_HTTP, *mine, remote))["RepoTags"] == ["1.0"]
    listed = containers.skopeo("list-tags", PLAIN_HTTP, *mine, remote.removesuffix(":1.0"))
    assert json.loads(listed)["Tags"] == ["1.0"]
    assert containers.skopeo("delete", PLAIN_HTTP, *mine, remote, fails=True)
    assert root.get("/v2/team/sk/tags/list").json()["tags"] == ["1.0"]
    containers.skopeo("delete", PLAIN_HTTP, "--creds", f"{ROOT[0]}:{ROOT[1]}", remote)
    assert root.get("/v2/team/sk/manifests/1.0").status_code == 404
    assert containers.skopeo("inspect", PLAIN_HTTP, f"docker://{guarded.host}/public/tool:1.0")
