# SPDX-License-Identifier: Apache-2.0
"""Configurations as people have them for registry:2 (tests/usual): each starts unchanged, its files where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.boxes import Box
from support.forging import Forge
from support.server import entrepot

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("docker")]

USUAL = Path(__file__).resolve().parents[1] / "usual"
HOST = "registry.example.com"
CONFIG = "/etc/docker/registry/config.yml"
PASSWORD = "correct horse battery"


@pytest.fixture
def box() -> Iterator[Box]:
    """A machine whose name is HOST."""
    with Box(hosts=[HOST]) as machine:
        yield machine


def _make_pair(box: Box, certificate: str, key: str, *more: str) -> None:
    """The line that most guides have."""
    box.run(["mkdir", "-p", str(Path(certificate).parent), str(Path(key).parent)])
    new = ["openssl", "req", "-x509", "-newkey", "rsa:4096", "-nodes", "-sha256", "-days", "365"]
    box.run([*new, "-keyout", key, "-out", certificate, *more])


def _make_pair_for_host(box: Box, certificate: str, key: str) -> None:
    _make_pair(box, certificate, key, "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}")


def _htpasswd(user: str) -> str:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5, prefix=b"2a")).decode()
    return f"{user}:{hashed.replace('$2a$', '$2y$', 1)}\n"


def _read_env(name: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (USUAL / name).read_text().splitlines())


def _push_and_pull(box: Box, rootfs: bytes, authority: str, *, port: str) -> None:
    """docker with nothing but the certificate in certs.d: refused without login, then push and pull."""
    image = f"{HOST}{port}/team/app:1.0"
    box.write(f"/etc/docker/certs.d/{HOST}{port}/ca.crt", box.read(authority))
    box.start_docker()
    box.run(["docker", "import", "-", image], stdin=rootfs)
    assert "no basic auth credentials" in box.run(["docker", "push", image], fails=True)
    wrong = box.run(["docker", "login", "-u", "alice", "--password-stdin", f"{HOST}{port}"], stdin=b"x", fails=True)
    assert "unauthorized" in wrong.lower()
    box.run(["docker", "login", "-u", "alice", "--password-stdin", f"{HOST}{port}"], stdin=PASSWORD.encode())
    box.run(["docker", "push", image])
    box.run(["docker", "rmi", image])
    assert not box.run(["docker", "image", "ls", "--quiet", image]).strip()
    box.run(["docker", "pull", image])
    assert box.run(["docker", "image", "ls", "--quiet", image]).strip()


def test_htpasswd_and_tls_by_environment(box: Box, rootfs: bytes) -> None:
    """The image's own configuration, and six variables."""
    _make_pair_for_host(box, "/certs/domain.crt", "/certs/domain.key")
    box.write("/auth/htpasswd", _htpasswd("alice"))
    box.write(CONFIG, (USUAL / "htpasswd-tls" / "config.yml").read_text())
    ready = ["curl", "-s", "--cacert", "/certs/domain.crt", f"https://{HOST}/v2/"]
    env = _read_env("htpasswd-tls/registry.env")
    server = box.start("entrepot serve", entrepot("serve", CONFIG), ready, env=env)
    assert "401" in box.run([*ready, "-o", "/dev/null", "-w", "%{http_code}"])
    _push_and_pull(box, rootfs, "/certs/domain.crt", port="")
    assert "level=error" not in server.log()


def test_token_with_a_key_made_by_openssl(box: Box) -> None:
    """A token that the other service signs with its RSA key is taken, by the id of its key and by its certificate; one
    of another key is not.
    """
    _make_pair(box, "/etc/docker/registry/auth.cert", "/conf/auth.key", "-subj", "/CN=test-issuer")
    box.write(CONFIG, (USUAL / "token" / "config.yml").read_text())
    here = "http://localhost:5000/v2/"
    box.start("entrepot serve", entrepot("serve", CONFIG), ["curl", "-s", here])
    asked = box.run(["curl", "-s", "-i", f"{here}team/app/tags/list"])
    assert "401" in asked.splitlines()[0]
    challenge = (
        'Bearer realm="http://localhost:8080/api/auth",service="localhost:5000",scope="repository:team/app:pull"'
    )
    assert challenge.lower() in asked.lower()
    key = serialization.load_pem_private_key(box.read("/conf/auth.key").encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    certificate = x509.load_pem_x509_certificate(box.read("/etc/docker/registry/auth.cert").encode())
    forge = Forge(key, "test-issuer", "localhost:5000", [certificate])
    stranger = Forge(rsa.generate_private_key(65537, 2048), "test-issuer", "localhost:5000")
    access = [{"type": "repository", "name": "team/app", "actions": ["pull", "push"]}]
    tokens = [forge.token(access), forge.token(access, header={"x5c": forge.x5c()}), stranger.token(access)]
    ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", f"{here}team/app/blobs/uploads/"]
    statuses = [box.run([*ask, "-H", f"Authorization: Bearer {token}"]) for token in tokens]
    assert statuses == ["202", "202", "401"]


def test_nginx_in_front(box: Box, rootfs: bytes) -> None:
    """nginx ends TLS and asks for passwords; the registry behind it is open and takes no notice of them."""
    _make_pair_for_host(box, "/etc/nginx/conf.d/domain.crt", "/etc/nginx/conf.d/domain.key")
    box.write("/etc/nginx/conf.d/nginx.htpasswd", _htpasswd("alice"))
    box.write(CONFIG, (USUAL / "nginx" / "config.yml").read_text())
    box.write("/etc/nginx/nginx.conf", (USUAL / "nginx" / "nginx.conf").read_text())
    box.start("entrepot serve", entrepot("serve", CONFIG), ["curl", "-s", "http://127.0.0.1:5000/v2/"])
    box.start("nginx", ["nginx"], ["curl", "-s", "-k", f"https://{HOST}/v2/"])
    _push_and_pull(box, rootfs, "/etc/nginx/conf.d/domain.crt", port="")
