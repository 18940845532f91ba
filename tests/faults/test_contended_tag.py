# SPDX-License-Identifier: Apache-2.0
"""One tag, moved and deleted by several clients at once over two worker processes."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from faults.agreement import assert_agreement
from support import images, transfer

if TYPE_CHECKING:
    from conftest import StartServer
    from support.images import Manifest

CHANGES = 2000
WRITERS = 4
READERS = 2
URL = "/v2/team/app/manifests/contended"


class Contest:
    """What all clients share. ``faults``: what no client may meet."""

    def __init__(self, url: str, made: list[Manifest]) -> None:
        self.url = url
        self.payloads = {each.digest: each.data for each in made}
        self.made = made
        self.turns = itertools.count()
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.answers: dict[str, int] = {}
        self.faults: list[str] = []

    def write(self) -> None:
        """Moves and deletes by turns, until all clients together made CHANGES."""
        with self._client() as client:
            while (turn := next(self.turns)) < CHANGES and not self.faults:
                self._change(client, turn)

    def _client(self) -> httpx.Client:
        """With a connection for each request, so that both workers get requests of every client."""
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False, limits=limits)

    def _change(self, client: httpx.Client, turn: int) -> None:
        if turn % 2:
            answer = client.delete(URL)
            self._judge(answer, {202, 404}, f"DELETE {answer.status_code}")
        else:
            made = self.made[turn // 2 % len(self.made)]
            answer = client.put(URL, content=made.data, headers={"Content-Type": made.media_type})
            self._judge(answer, {201}, f"PUT {answer.status_code}")

    def read(self) -> None:
        """GETs, until the writers have ended: at every moment one of the manifests, whole, or nothing."""
        with self._client() as client:
            while not self.ended.is_set() and not self.faults:
                answer = client.get(URL, headers={"Accept": transfer.ACCEPT})
                self._judge(answer, {200, 404}, f"GET {answer.status_code}")
                if answer.status_code == 200 and self._payload(answer) != answer.content:
                    self.faults.append(f"GET gave bytes that are not {answer.headers['Docker-Content-Digest']}")

    def _payload(self, answer: httpx.Response) -> bytes | None:
        return self.payloads.get(answer.headers["Docker-Content-Digest"])

    def _judge(self, answer: httpx.Response, expected: set[int], what: str) -> None:
        with self.lock:
            self.answers[what] = self.answers.get(what, 0) + 1
            if answer.status_code not in expected:
                self.faults.append(f"{what}: {answer.text}")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_workers_agree_on_one_tag(start_server: StartServer, kind: str, request: pytest.FixtureRequest) -> None:
    """Four clients move and delete one tag 2,000 times on two workers: each change is answered as it should be, every
    GET in between is a 404 or one of the manifests whole, and at the end storage and index agree on the tag.
    """
    database = str(request.getfixturevalue("database")) if kind == "postgresql" else None
    index = {} if database is None else {"index": {"url": database}}
    server = start_server({"log": {"accesslog": {"disabled": True}}, **index}, workers=2)
    client = server.client()
    made = [transfer.push(client, "team/app", images.image(layers=1)) for _ in range(4)]
    contest = Contest(server.url, made)
    writers = [threading.Thread(target=contest.write) for _ in range(WRITERS)]
    readers = [threading.Thread(target=contest.read) for _ in range(READERS)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in writers:
        thread.join()
    contest.ended.set()
    for thread in readers:
        thread.join()
    assert contest.faults == []
    assert contest.answers["PUT 201"] == CHANGES // 2
    for expected in ("DELETE 202", "GET 200", "GET 404"):
        assert contest.answers.get(expected, 0) > 0, f"no {expected} among {contest.answers}"
    assert_agreement(server.root, database=database)
    final = client.put(URL, content=made[0].data, headers={"Content-Type": made[0].media_type})
    assert final.status_code == 201
    transfer.assert_serves(client, "team/app", made[0], ["contended"])
