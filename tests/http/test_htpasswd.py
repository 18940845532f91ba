# SPDX-License-Identifier: Apache-2.0
"""A registry behind an htpasswd file: who is in it comes in, and a change holds within a second on all workers."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from entrepot.auth.htpasswd import make_line
from support import images, transfer
from support.server import run_entrepot
from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartServer
    from support.server import Server

CHALLENGE = 'Basic realm="The Registry"'
WORKERS = 3


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that knows alice."""
    path = tmp_path / "htpasswd"
    path.write_text(make_line("alice", "sec:ret", 5) + "\n")
    return path


@pytest.fixture
def guarded(start_server: StartServer, file: Path) -> Server:
    """A registry behind it."""
    auth = {"htpasswd": {"realm": "The Registry", "path": str(file)}}
    return start_server({"auth": auth}, workers=WORKERS)


def statuses(guarded: Server, user: str, password: str, times: int = WORKERS * 8) -> set[int]:
    """What many new connections are answered, so that every worker is asked."""
    found = set()
    for _ in range(times):
        with httpx.Client(base_url=guarded.url, auth=(user, password)) as client:
            found.add(client.get("/v2/").status_code)
    return found


def test_refusals(guarded: Server) -> None:
    """401 in the registry's JSON with the challenge, for every path and whatever is wrong; pages are open."""
    client = guarded.client()
    for path in ("/v2/", "/v2/_catalog", "/v2/team/app/manifests/latest", "/v2/team/app/tags/list", "/v1/search?q=x"):
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic !"}):
            answer = client.get(path, headers=headers)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == CHALLENGE
            assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"
    twice = client.get("/v2/", headers=[("Authorization", "Basic YTpi"), ("Authorization", "Basic YTpi")])
    assert twice.status_code == 401
    assert client.get("/").status_code == 200
    assert client.get("/v2/", auth=("alice", "sec:ret")).status_code == 200


def test_push_and_pull(guarded: Server) -> None:
    """A user of the file may do everything; nobody else sees whether anything is there."""
    client = guarded.client()
    client.auth = httpx.BasicAuth("alice", "sec:ret")
    made = transfer.push(client, "team/app", images.image(layers=2), "1.0")
    assert transfer.pull_manifest(client, "team/app", "1.0").digest == made.digest
    nobody = guarded.client()
    there = nobody.get("/v2/team/app/manifests/1.0")
    not_there = nobody.get("/v2/team/none/manifests/1.0")
    assert there.status_code == not_there.status_code == 401
    assert there.json() == not_there.json()
    assert client.delete(f"/v2/team/app/manifests/{made.digest}").status_code == 202


def test_change_within_a_second(guarded: Server, file: Path) -> None:
    """A new password, and no more of the old one, on all workers a second after the file changed."""
    assert statuses(guarded, "alice", "sec:ret") == {200}
    file.write_text(make_line("alice", "changed", 5) + "\n" + make_line("bob", "new", 5) + "\n")
    changed = time.monotonic()
    until(lambda: time.monotonic() - changed > 1, what="a second has passed")
    assert statuses(guarded, "bob", "new") == {200}
    assert statuses(guarded, "alice", "changed") == {200}
    assert statuses(guarded, "alice", "sec:ret", 6) == {401}


def test_broken_file_keeps_users(guarded: Server, file: Path) -> None:
    """A file that is gone or empty locks nobody out, and the log says so; a line of another kind is named."""
    assert statuses(guarded, "alice", "sec:ret") == {200}
    content = file.read_text()
    file.write_text("")
    until(lambda: statuses(guarded, "alice", "sec:ret") == {200} and "the file is empty" in guarded.log(), what="said")
    file.unlink()
    until(lambda: statuses(guarded, "alice", "sec:ret") == {200} and "No such file" in guarded.log(), what="said")
    file.write_text(content + "carol:$apr1$x$y\n")
    command = f"entrepot htpasswd {file} carol"
    until(lambda: statuses(guarded, "alice", "sec:ret") == {200} and command in guarded.log(), what="named")


def test_lines_are_named_at_start(start_server: StartServer, tmp_path: Path) -> None:
    """User, line and the command that replaces it; the start goes on, and others come in."""
    path = tmp_path / "users"
    path.write_text("bob:$apr1$salt$hash\nnonsense\n" + make_line("alice", "x", 5) + "\n")
    guarded = start_server({"auth": {"htpasswd": {"realm": "r", "path": str(path)}}}, workers=1)
    assert f"entrepot htpasswd {path} bob" in guarded.log()
    assert "line 2 is not USER:HASH" in guarded.log()
    assert statuses(guarded, "alice", "x") == {200}


def test_missing_file(start_server: StartServer, tmp_path: Path) -> None:
    """A user and a random password are made and told once in the log (compat.md 4.4), and the password works."""
    path = tmp_path / "auth" / "htpasswd"
    guarded = start_server({"auth": {"htpasswd": {"realm": "r", "path": str(path)}}}, workers=2)
    (line,) = [line for line in guarded.log().splitlines() if "htpasswd is missing" in line]
    fields = dict(part.split("=", 1) for part in line.split() if "=" in part)
    assert statuses(guarded, fields["user"], fields["password"]) == {200}
    assert statuses(guarded, "docker", "x", 2) == {401}
    assert path.stat().st_mode & 0o777 == 0o600
    guarded.restart()
    assert statuses(guarded, fields["user"], fields["password"]) == {200}


def test_a_push_pays_for_one_hash(start_server: StartServer, tmp_path: Path) -> None:
    """Requests with a password that was right a moment ago take no part of what hashing takes."""
    path = tmp_path / "users"
    path.write_text(make_line("alice", "x", 10) + "\n")
    guarded = start_server({"auth": {"htpasswd": {"realm": "r", "path": str(path)}}}, workers=1)
    client = guarded.client()
    client.auth = httpx.BasicAuth("alice", "x")
    took = []
    for _ in range(30):
        before = time.monotonic()
        assert client.get("/v2/").status_code == 200
        took.append(time.monotonic() - before)
    assert sorted(took)[15] < max(took) / 3, "most took far less than the first"


def test_guessing_hurts_those_who_guess(start_server: StartServer, tmp_path: Path) -> None:
    """While many guess from many addresses, a user who was right lately is answered at once; the guesses get 401 or
    429 with Retry-After, and nothing else.
    """
    path = tmp_path / "users"
    path.write_text(make_line("alice", "x", 10) + "\n")
    server = start_server({"auth": {"htpasswd": {"realm": "r", "path": str(path)}}}, workers=1)
    client = server.client()
    client.auth = httpx.BasicAuth("alice", "x")
    assert client.get("/v2/").status_code == 200

    def guess(number: int) -> httpx.Response:
        transport = httpx.HTTPTransport(local_address=f"127.0.1.{number % 250 + 1}")
        with httpx.Client(base_url=server.url, transport=transport, timeout=60) as guesser:
            return guesser.get("/v2/", auth=("alice", f"guess {number}"))

    with ThreadPoolExecutor(40) as threads:
        guesses = [threads.submit(guess, number) for number in range(120)]
        took = []
        while not all(each.done() for each in guesses):
            before = time.monotonic()
            assert client.get("/v2/").status_code == 200
            took.append(time.monotonic() - before)
    answers = [each.result() for each in guesses]
    assert {answer.status_code for answer in answers} <= {401, 429}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)
    assert len(took) > 20
    assert sorted(took)[len(took) * 9 // 10] < 1


def test_silly(start_server: StartServer) -> None:
    """auth.silly asks for a header, whatever is in it (compat.md 4.5)."""
    guarded = start_server({"auth": {"silly": {"realm": "silly", "service": "tests"}}}, workers=1)
    client = guarded.client()
    refused = client.get("/v2/team/app/tags/list")
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == (
        'Bearer realm="silly",service="tests",scope="repository:team/app:pull"'
    )
    assert client.get("/v2/", headers={"Authorization": "whatever"}).status_code == 200


def test_unusable_file_stops_the_start(tmp_path: Path) -> None:
    """A path that is no file is named, and nothing is served."""
    config = tmp_path / "config.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path}/data}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n"
        f"auth: {{htpasswd: {{realm: r, path: {tmp_path}}}}}\n"
    )
    done = run_entrepot("serve", config, env=dict(os.environ))
    assert done.returncode != 0
    assert "auth.htpasswd.path" in done.stderr
    assert "Traceback" not in done.stderr
