# SPDX-License-Identifier: Apache-2.0
"""The audit over a real server: what docs/audit.md shows is what is told, and to whom."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest

from support import images, transfer
from support.pages import find_blocks
from support.receivers import Receiver, endpoint, notifying
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

    from conftest import StartServer
    from support.server import Server

PAGE = "audit.md"
REPOSITORY = "team/app"
BLOB = images.Content(b"{}", "application/octet-stream")
PASSWORD = "correct horse battery"


@pytest.fixture
def htpasswd(tmp_path: Path) -> dict[str, Any]:
    """The configuration of a registry whose file holds alice."""
    file = tmp_path / "htpasswd"
    file.write_text(f"alice:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()}\n")
    return {"auth": {"htpasswd": {"realm": "Registry", "path": str(file)}}}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Who hears of what happens."""
    with Receiver() as listening:
        yield listening


def _visit(server: Server) -> httpx.Client:
    """A push, a wrong password and a deletion, by alice."""
    client = server.client()
    client.auth = ("alice", PASSWORD)
    transfer.push_blob(client, REPOSITORY, BLOB)
    wrong = client.get(f"/v2/{REPOSITORY}/tags/list", auth=("alice", "guessed"))
    assert wrong.status_code == 401
    assert client.get("/v2/", auth=lambda request: request).status_code == 401
    assert client.delete(f"/v2/{REPOSITORY}/blobs/{BLOB.digest}").status_code == 202
    return client


def _lines(server: Server) -> list[str]:
    """Of the log, without what differs each time, and without the logins of other workers."""
    said = [line.partition("level=info ")[2] for line in server.log().splitlines() if "msg=audit" in line]
    return [re.sub(r"request=\S+", "request=REQUEST", line) for line in said]


def test_the_log(start_server: StartServer, htpasswd: dict[str, Any]) -> None:
    """The lines of the documentation, with nothing between them."""
    server = start_server(htpasswd, workers=1)
    _visit(server)
    (expected,) = find_blocks(PAGE, "In the log", "text")
    until(lambda: len(_lines(server)) >= 4, what="the audit is in the log")
    assert sorted(_lines(server)) == sorted(expected.splitlines())
    assert PASSWORD not in server.log()
    assert "guessed" not in server.log()


def test_the_feed(start_server: StartServer, htpasswd: dict[str, Any], receiver: Receiver) -> None:
    """The event of the documentation is in the feed; an endpoint gets it where it asks, and one that does not gets what
    it always got, with the rule.
    """
    with Receiver() as old:
        told = notifying(endpoint(receiver, name="watch", audit=True), endpoint(old, name="old"))
        client = _visit(start_server({**htpasswd, **told}, workers=1))
        until(lambda: len(receiver.taken()) >= 4, what="all is told")
        until(lambda: len(old.taken()) >= 2, what="all is told to the other")
        taken, few = receiver.taken(), old.taken()
    assert sorted(event["action"] for event in taken) == ["delete", "login", "push", "refuse"]
    assert [event["action"] for event in few] == ["push", "delete"]
    assert {event["authorization"]["rule"] for event in few} == {"auth.htpasswd"}
    (expected,) = find_blocks(PAGE, "In the feed", "json")
    (refusal,) = [event for event in taken if event["action"] == "refuse"]
    assert {event["id"] for event in client.get("/api/v1/events").json()["events"]} == {event["id"] for event in taken}
    assert list(refusal["target"]) == ["why", "what"]
    refusal |= {"id": "ID", "timestamp": "TIME", "source": {"addr": "SOURCE", "instanceID": "INSTANCE"}}
    assert refusal == json.loads(expected)


def test_an_open_registry(server: Server) -> None:
    """Where nobody says who they are, pushes and deletions are told all the same, and no event names a rule."""
    client = server.client()
    transfer.push_blob(client, REPOSITORY, BLOB)
    until(lambda: len(_lines(server)) == 1, what="the push is in the log")
    (line,) = _lines(server)
    digest = f"blobs={BLOB.digest}"
    assert line == f"msg=audit action=push address=127.0.0.1 {digest} repository={REPOSITORY} request=REQUEST"
    until(lambda: len(client.get("/api/v1/events").json()["events"]) == 1, what="the push is in the feed")
    (event,) = client.get("/api/v1/events").json()["events"]
    assert "authorization" not in event


def test_guesses(start_server: StartServer, htpasswd: dict[str, Any]) -> None:
    """Who guesses a password is told of at once, and then how often they did; nobody is told what they guessed."""
    server = start_server(htpasswd, workers=1)
    client = server.client()
    for number in range(4):
        assert client.get("/v2/", auth=("alice", f"hunter{number}")).status_code == 401
    until(lambda: len(_lines(server)) == 1, what="the first refusal is in the log")
    server.stop()
    first, rest = _lines(server)
    assert first == 'msg=audit action=refuse actor=alice address=127.0.0.1 why="wrong password"'
    assert rest == 'msg=audit action=refuse actor=alice address=127.0.0.1 count=3 why="wrong password"'
    assert "hunter" not in server.log()
