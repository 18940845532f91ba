# SPDX-License-Identifier: Apache-2.0
"""Real nginx in front, on the files that docs/nginx.md shows: TLS ends there, with a private authority."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from support.boxes import Box
from support.pages import find_blocks, find_files
from support.server import entrepot
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.daemons import Daemon

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("docker")]

PAGE = "nginx.md"
HOST = "registry.example.com"
URL = f"https://{HOST}"
CA = f"/etc/docker/certs.d/{HOST}/ca.crt"
CONFIG = "/etc/docker/registry/config.yml"
PASSWORD = "correct horse battery"
PASSWORDS = "/etc/nginx/registry.htpasswd"
AUTH = "/run/auth.json"
POLICY = "/run/policy.json"
CURL = ["curl", "-s", "--cacert", CA]
TLS = "TLS ends in nginx"
PATH = "In a path"
ASKS = "nginx asks for passwords"
SIGNS_IN = "nginx signs people in, the registry says what they may do"


@pytest.fixture
def box() -> Iterator[Box]:
    """A machine whose name is HOST, with a certificate of a private authority that docker and podman trust."""
    with Box(hosts=[HOST]) as machine:
        _make_certificates(machine)
        machine.write(AUTH, "{}")
        machine.write(POLICY, '{"default": [{"type": "insecureAcceptAnything"}]}')
        yield machine


def _make_certificates(box: Box) -> None:
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    for directory in ("/ca", f"/etc/docker/certs.d/{HOST}", "/etc/nginx/tls"):
        box.run(["mkdir", "-p", directory])
    box.run([*new, "-keyout", "/ca/ca.key", "-out", CA, "-subj", "/CN=private authority"])
    pair = ["-keyout", "/etc/nginx/tls/registry.key", "-out", "/etc/nginx/tls/registry.crt", "-subj", f"/CN={HOST}"]
    names = ["-addext", f"subjectAltName=DNS:{HOST}", "-addext", "basicConstraints=critical,CA:false"]
    box.run([*new, *pair, *names, "-CA", CA, "-CAkey", "/ca/ca.key"])


def _start(box: Box, *titles: str, header: str = "", config: str | None = None) -> Daemon:
    """The registry and nginx on the files of these chapters, of which the last counts, with `header` beside the other
    headers, and another `config`; gives the registry.
    """
    files: dict[str, str] = {}
    for title in ("The registry's side", *titles):
        files |= find_files(PAGE, title)
    if config is not None:
        files[CONFIG] = config
    for path, content in files.items():
        box.write(path, re.sub(r"^ *proxy_set_header Forwarded .*\n", rf"\g<0>{header}", content, flags=re.MULTILINE))
    server = box.start("entrepot serve", entrepot("serve", CONFIG), ["curl", "-s", "http://127.0.0.1:5000/v2/"])
    box.run(["nginx", "-t"])
    box.start("nginx", ["nginx", "-g", "daemon off;"], [*CURL, f"{URL}/v2/"])
    return server


def _events(box: Box) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(box.run(["curl", "-s", "http://127.0.0.1:5000/api/v1/events"]))["events"]
    return events


def _headers(said: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in said.splitlines())
    return {name.lower(): value.strip() for name, _, value in pairs}


def _status(box: Box, *arguments: str) -> str:
    return box.run([*CURL, "-o", "/dev/null", "-w", "%{http_code}", *arguments])


def _podman(box: Box, *arguments: str, stdin: bytes | None = None, fails: bool = False) -> str:
    places = ["--root", "/run/podman/root", "--runroot", "/run/podman/run", "--storage-driver", "vfs"]
    env = {"REGISTRY_AUTH_FILE": AUTH, "CONTAINERS_REGISTRIES_CONF": "/dev/null"}
    command = ["podman", *places, "--cgroup-manager", "cgroupfs", *arguments]
    return box.run(command, stdin=stdin, env=env, fails=fails).strip()


def _push_and_pull(box: Box, image: str, rootfs: bytes) -> None:
    """With docker, then with podman and skopeo; all trust the authority by certs.d alone."""
    box.run(["docker", "import", "-", image], stdin=rootfs)
    box.run(["docker", "push", image])
    box.run(["docker", "rmi", image])
    assert not box.run(["docker", "image", "ls", "--quiet", image]).strip()
    box.run(["docker", "pull", image])
    assert box.run(["docker", "image", "ls", "--quiet", image]).strip()
    _podman(box, "pull", "--quiet", image)
    _podman(box, "push", image, f"{image}-podman")
    _podman(box, "rmi", image)
    assert _podman(box, "pull", "--quiet", f"{image}-podman")
    copy = ["skopeo", "--policy", POLICY, "copy", "--quiet", "--src-authfile", AUTH, "--dest-authfile", AUTH]
    box.run([*copy, f"docker://{image}", f"docker://{image}-skopeo"])
    assert f"{image.rpartition(':')[2]}-skopeo" in box.run([*CURL, "-u", f"alice:{PASSWORD}", _tags(image)])


def _tags(image: str) -> str:
    return f"{URL}/v2/{image.partition('/')[2].rpartition(':')[0]}/tags/list"


def _push_blob(box: Box, url: str, *ways: str) -> dict[str, str]:
    """100 MB in a PATCH and a PUT, as clients do; the headers of the last answer."""
    box.run(["sh", "-c", "test -e /run/blob || head -c 100000000 /dev/urandom >/run/blob"])
    digest = "sha256:" + box.run(["sha256sum", "/run/blob"]).split()[0]
    begun = _headers(box.run([*CURL, "-i", "-X", "POST", f"{url}/v2/team/big/blobs/uploads/"]))
    octets = ["-H", "Content-Type: application/octet-stream"]
    patched = box.run([*CURL, "-i", "-X", "PATCH", *octets, *ways, "-T", "/run/blob", URL + begun["location"]])
    assert " 202 " in patched, patched
    place = _headers(patched)["location"]
    done = box.run([*CURL, "-i", "-X", "PUT", f"{URL}{place}{'&' if '?' in place else '?'}digest={digest}"])
    assert " 201 " in done, done
    served = box.run(["sh", "-c", f'{" ".join(CURL)} "{URL}{_headers(done)["location"]}" | sha256sum'])
    assert f"sha256:{served.split()[0]}" == digest
    return _headers(done)


@contextmanager
def _nothing_on_disk(box: Box) -> Iterator[None]:
    """nginx says in its log where it writes a body to a file."""
    box.run(["sh", "-c", ": >/var/log/nginx/error.log"])
    yield
    assert "temporary file" not in box.read("/var/log/nginx/error.log")


def test_tls_ends_in_nginx(box: Box, rootfs: bytes) -> None:
    """docker, podman and skopeo push and pull; a layer of 100 MB streams through, in chunks and with its length;
    Location leads back, and nobody finds anything that does not fit.
    """
    server = _start(box, TLS)
    box.start_docker()
    with _nothing_on_disk(box):
        _push_and_pull(box, f"{HOST}/team/app:1.0", rootfs)
        for ways in (("-H", "Transfer-Encoding: chunked"), ()):
            assert _push_blob(box, URL, *ways)["location"].startswith("/v2/team/big/blobs/sha256:")
    answer = box.run([*CURL, "-i", f"{URL}/v2/"])
    assert answer.lower().count("docker-distribution-api-version: registry/2.0") == 1
    assert box.run(["curl", "-s", "http://127.0.0.1:5001/debug/proxy"]).strip() == "{}"
    assert "level=error" not in server.log()


def test_who_asks_through_nginx(box: Box) -> None:
    """Events and the access log name the client and the address it used, whatever it claims of itself; straight at the
    registry, from an address that is none of its proxies, nothing that it claims is believed.
    """
    server = _start(box, TLS)
    digest = "sha256:" + hashlib.sha256(b"x").hexdigest()
    claims = ["X-Forwarded-For: 8.8.8.8", "X-Real-IP: 8.8.8.8", "Forwarded: for=8.8.8.8;host=evil.example;proto=http"]
    claims += ["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: http", "X-Forwarded-Prefix: /evil"]
    lies = [part for claim in claims for part in ("-H", claim)]
    post = ["-X", "POST", "--data-binary", "x", "-i", "--interface", "127.0.0.2"]
    for number, base in enumerate([URL, "http://127.0.0.1:5000"]):
        answer = box.run([*CURL, *post, *lies, f"{base}/v2/team/app{number}/blobs/uploads/?digest={digest}"])
        assert _headers(answer)["location"] == f"/v2/team/app{number}/blobs/{digest}"
    until(lambda: len(_events(box)) == 2, what="both pushes are in the feed")
    through, straight = _events(box)
    assert through["request"]["addr"] == "127.0.0.2"
    assert through["request"]["host"] == HOST
    assert through["target"]["url"] == f"{URL}/v2/team/app0/blobs/{digest}"
    assert re.fullmatch(r"127\.0\.0\.2:\d+", straight["request"]["addr"])
    assert straight["target"]["url"] == f"http://127.0.0.1:5000/v2/team/app1/blobs/{digest}"
    until(lambda: server.log().count("127.0.0.2 - - [") >= 2, what="both requests are in the access log")
    assert "8.8.8.8" not in server.log()
    findings = json.loads(box.run(["curl", "-s", "http://127.0.0.1:5001/debug/proxy"]))
    assert list(findings) == ["untrusted"]
    assert "127.0.0.2/32" in findings["untrusted"]


def test_in_a_path(box: Box, rootfs: bytes) -> None:
    """docker uses ``/v2/`` of a host that serves other things, too; below a path that nginx strips, every Location and
    Link begins with it and leads back.
    """
    box.write("/var/www/html/index.html", "another page\n")
    _start(box, PATH)
    box.start_docker()
    assert box.run([*CURL, f"{URL}/"]) == "another page\n"
    with _nothing_on_disk(box):
        _push_and_pull(box, f"{HOST}/team/app:1.0", rootfs)
        assert _push_blob(box, f"{URL}/registry")["location"].startswith("/registry/v2/team/big/blobs/sha256:")
        assert _push_blob(box, URL)["location"].startswith("/v2/team/big/blobs/sha256:")
    page = box.run([*CURL, "-i", f"{URL}/registry/v2/team/app/tags/list?n=1"])
    link = _headers(page)["link"].partition("<")[2].partition(">")[0]
    assert link.startswith("/registry/v2/team/app/tags/list?")
    assert json.loads(box.run([*CURL, URL + link]))["tags"]
    assert json.loads(box.run([*CURL, f"{URL}/registry/api/v1/repositories"]))
    assert _status(box, f"{URL}/registry/healthz") == "200"


def test_nginx_asks_for_passwords(box: Box, rootfs: bytes) -> None:
    """The open registry takes no notice of the Basic credentials that nginx passes on; without them nobody gets in."""
    box.run(entrepot("htpasswd", PASSWORDS, "bob"), stdin=PASSWORD.encode())
    server = _start(box, ASKS)
    assert _status(box, "-u", f"bob:{PASSWORD}", f"{URL}/v2/") == "500", "as the file is made, nginx cannot read it"
    _write_passwords(box)
    assert _status(box, "-u", f"bob:{PASSWORD}", f"{URL}/v2/") == "200"
    assert box.run(["stat", "-c", "%U:%G %a", PASSWORDS]).strip() == "root:www-data 640"
    box.run(entrepot("htpasswd", PASSWORDS, "carol"), stdin=PASSWORD.encode())
    assert box.run(["stat", "-c", "%U:%G %a", PASSWORDS]).strip() == "root:www-data 640"
    refused = box.run([*CURL, "-i", f"{URL}/v2/"])
    assert " 401 " in refused.splitlines()[0]
    assert _headers(refused)["docker-distribution-api-version"] == "registry/2.0"
    assert _status(box, "-u", "alice:wrong", f"{URL}/v2/") == "401"
    allowed = box.run([*CURL, "-i", "-u", f"alice:{PASSWORD}", f"{URL}/v2/"])
    assert " 200 " in allowed.splitlines()[0]
    assert allowed.lower().count("docker-distribution-api-version") == 1
    assert _status(box, "-H", "Authorization: Basic nonsense", "http://127.0.0.1:5000/v2/") == "200"
    box.start_docker()
    assert "no basic auth credentials" in _docker_push_alone(box, rootfs)
    login = ["--username", "alice", "--password-stdin", HOST]
    box.run(["docker", "login", *login], stdin=PASSWORD.encode())
    _podman(box, "login", "--cert-dir", f"/etc/docker/certs.d/{HOST}", *login, stdin=PASSWORD.encode())
    _push_and_pull(box, f"{HOST}/team/app:1.0", rootfs)
    assert "level=error" not in server.log()


def test_nginx_signs_people_in(box: Box, rootfs: bytes) -> None:
    """Who nginx says signed in may do what their rules allow. A header of the client's own counts for nothing, through
    nginx as straight at the registry.
    """
    _write_passwords(box)
    (line,) = find_blocks(PAGE, SIGNS_IN, "nginx")
    server = _start(box, ASKS, SIGNS_IN, header=line)
    box.run(entrepot("user", "add", "alice", "--no-password", "-c", CONFIG))
    box.run(entrepot("rule", "add", "user:alice", "team/**", "pull,push", "-c", CONFIG))
    me = ["-u", f"alice:{PASSWORD}"]
    assert _status(box, f"{URL}/v2/") == "401"
    until(lambda: _status(box, *me, f"{URL}/v2/team/none/tags/list") == "404", what="the rule holds")
    assert _status(box, *me, f"{URL}/v2/other/none/tags/list") == "403"
    claim = ["-H", "X-Remote-User: admin"]
    assert _status(box, *me, *claim, f"{URL}/api/v1/users") == "403"
    straight = "http://127.0.0.1:5000/v2/team/none/tags/list"
    assert _status(box, "-H", "X-Remote-User: alice", straight) == "404", "from the proxy's own address"
    assert _status(box, "--interface", "127.0.0.2", "-H", "X-Remote-User: alice", straight) == "401"
    box.start_docker()
    login = ["--username", "alice", "--password-stdin", HOST]
    box.run(["docker", "login", *login], stdin=PASSWORD.encode())
    _podman(box, "login", "--cert-dir", f"/etc/docker/certs.d/{HOST}", *login, stdin=PASSWORD.encode())
    _push_and_pull(box, f"{HOST}/team/app:1.0", rootfs)
    box.run(["docker", "tag", f"{HOST}/team/app:1.0", f"{HOST}/other/app:1.0"])
    assert "denied" in box.run(["docker", "push", f"{HOST}/other/app:1.0"], fails=True)
    until(lambda: "action=refuse actor=alice address=127.0.0.1" in server.log(), what="the refusal is in the log")
    assert "action=push actor=alice address=127.0.0.1" in server.log()


def test_token_addresses(box: Box) -> None:
    """The challenge names the token service as the client reaches it, with the path that nginx strips, whatever the
    client says of hosts; what it names answers.
    """
    (config,) = find_files(PAGE, SIGNS_IN).values()
    _start(box, PATH, config=config.replace("  proxyheader: X-Remote-User\n", ""))
    lies = [
        "-H",
        "X-Forwarded-Host: evil.example",
        "-H",
        "Forwarded: host=evil.example",
        "-H",
        "X-Forwarded-Prefix: /x",
    ]
    for prefix in ("", "/registry"):
        for said in ([], lies):
            asked = _headers(box.run([*CURL, "-i", *said, f"{URL}{prefix}/v2/"]))
            assert f'Bearer realm="{URL}{prefix}/auth/token"' in asked["www-authenticate"]
        given = box.run([*CURL, f"{URL}{prefix}/auth/token?service=entrepot&scope=repository:team/app:pull"])
        assert json.loads(given)["token"]


def _docker_push_alone(box: Box, rootfs: bytes) -> str:
    image = f"{HOST}/team/alone:1.0"
    box.run(["docker", "import", "-", image], stdin=rootfs)
    return box.run(["docker", "push", image], fails=True)


def _write_passwords(box: Box) -> None:
    """As the page has it, for alice."""
    (commands,) = find_blocks(PAGE, ASKS, "sh")
    script = commands.replace("entrepot htpasswd", shlex.join(map(str, entrepot("htpasswd"))))
    box.run(["sh", "-ec", script], stdin=f"{PASSWORD}\n".encode())
