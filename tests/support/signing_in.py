# SPDX-License-Identifier: Apache-2.0
"""docker, podman and skopeo sign in, push and pull; and cannot without, or with another password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.containers import PLAIN_HTTP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.containers import Containers
    from support.docker import Docker

USER, PASSWORD = "alice", "sec:ret pässwörd"


def go_round_with_docker(docker: Docker, host: str, rootfs: bytes) -> None:
    """Refused, signed in, pushed, pulled, signed out, refused again."""
    name = f"{host}/team/app:docker"
    made = docker.make_image(name, rootfs, layers=[("/etc/one", b"one\n"), ("/etc/two", b"two\n")])
    _require_refusal(docker("push", name, fails=True))
    login = ("login", "--username", USER, "--password-stdin", host)
    said = docker(*login, stdin=b"wrong", fails=True)
    assert "Login Succeeded" not in said
    assert "Login Succeeded" in docker(*login, stdin=PASSWORD.encode())
    try:
        docker("push", name)
        docker("rmi", name)
        assert not docker.has(name)
        docker("pull", name)
        assert docker.image_id(name) == made
        other = f"{host}/team/other:docker"
        docker("tag", name, other)
        assert "Mounted from team/app" in docker("push", other)
    finally:
        docker("logout", host)
    docker("rmi", name, other)
    _require_refusal(docker("pull", name, fails=True))


def go_round_with_podman(containers: Containers, host: str, rootfs: bytes) -> None:
    """The same with podman."""
    name = f"{host}/team/app:podman"
    made = containers.podman("import", "--quiet", "-", name, stdin=rootfs).removeprefix("sha256:")
    _require_refusal(containers.podman("push", PLAIN_HTTP, name, fails=True))
    login = ("login", PLAIN_HTTP, "--username", USER, "--password-stdin", host)
    assert "Login Succeeded" not in containers.podman(*login, stdin=b"wrong", fails=True)
    assert "Login Succeeded" in containers.podman(*login, stdin=PASSWORD.encode())
    containers.podman("push", PLAIN_HTTP, name)
    containers.podman("rmi", name)
    assert containers.podman("pull", "--quiet", PLAIN_HTTP, name) == made
    containers.podman("logout", host)
    containers.podman("rmi", name)
    _require_refusal(containers.podman("pull", PLAIN_HTTP, name, fails=True))


def go_round_with_skopeo(containers: Containers, host: str, image: str) -> None:
    """The same with skopeo, from the layout ``image``, and deleted at the end."""
    name = f"docker://{host}/team/app:skopeo"
    copy = ("copy", "--quiet", "--dest-tls-verify=false", f"oci:{image}", name)
    _require_refusal(containers.skopeo(*copy, fails=True))
    login = ("login", PLAIN_HTTP, "--username", USER, "--password")
    assert "Login Succeeded" not in containers.skopeo(*login, "wrong", host, fails=True)
    assert "Login Succeeded" in containers.skopeo(*login, PASSWORD, host)
    containers.skopeo(*copy)
    assert "skopeo" in containers.skopeo("list-tags", PLAIN_HTTP, f"docker://{host}/team/app")
    back = f"oci:{containers.home}/back"
    containers.skopeo("copy", "--quiet", "--src-tls-verify=false", name, back)
    inspected = [containers.skopeo("inspect", *flags, where) for flags, where in _both(image, name)]
    assert inspected[0] == inspected[1]
    containers.skopeo("delete", PLAIN_HTTP, name)
    containers.skopeo("logout", host)
    _require_refusal(containers.skopeo("inspect", PLAIN_HTTP, name, fails=True))


def _both(image: str, name: str) -> Sequence[tuple[Sequence[str], str]]:
    digest = ("--format", "{{.Digest}}")
    return [(digest, f"oci:{image}"), ((*digest, PLAIN_HTTP), name)]


def _require_refusal(said: str) -> None:
    words = ("unauthorized", "authentication required", "no basic auth", "denied", "invalid username")
    assert any(word in said.lower() for word in words), said
