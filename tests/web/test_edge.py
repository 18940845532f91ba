# SPDX-License-Identifier: Apache-2.0
"""The edge, called as a server calls it: what is counted and logged of requests."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from starlette.types import Message

from entrepot.auth.gate import OpenGate
from entrepot.storage.memory import open_memory
from entrepot.telemetry.health import Findings, HealthBoard
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.metrics import RequestMetrics, expose
from entrepot.telemetry.settings import LogSettings
from entrepot.web.api.joining import join_api
from entrepot.web.doors import Doors
from entrepot.web.edge import Edge, Parts
from entrepot.web.locations import Locations
from entrepot.web.pages import Pages
from entrepot.web.settings import HttpSettings, TcpAddress
from entrepot.web.v1 import Search
from entrepot.web.v2.api import Api
from support.houses import House, open_house


class Caller:
    """A server with one edge, which has all that a worker has."""

    def __init__(self, house: House) -> None:
        settings = HttpSettings(TcpAddress("", 0))
        self.metrics = RequestMetrics()
        self.board = HealthBoard()
        registry = house.registry
        doors = Doors(OpenGate(), settings)
        parts = Parts(
            Api(registry, doors, Locations(settings)),
            Search(registry, doors),
            join_api(registry, doors, settings),
            Pages(self.board, registry.catalogue),
        )
        log = configure_logs(LogSettings())
        self._edge = Edge(registry, parts, doors, settings, self.board, self.metrics, None, log)

    async def ask(self, method: str, path: str) -> tuple[int, bytes]:
        """Status and body of the answer."""
        sent: list[Message] = []
        scope = {"type": "http", "method": method, "path": path, "headers": [(b"host", b"r")], "query_string": b""}

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._edge(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    """A server over an empty registry in memory."""
    with open_house(open_memory(), tmp_path / "index" / "index.sqlite3") as house:
        yield Caller(house)
    structlog.reset_defaults()


async def test_methods_that_clients_invent_are_one_series(caller: Caller, tmp_path: Path) -> None:
    """A method of HTTP is counted by its name; all others together as ``other``, however many a client invents."""
    for method in ("GET", "HEAD", "OPTIONS", *(f"INVENTED{number}" for number in range(50))):
        await caller.ask(method, "/v2/")
    caller.metrics.write(tmp_path)
    text = expose(tmp_path).decode()
    counted = [line for line in text.splitlines() if line.startswith("registry_http_requests_total")]
    assert len(counted) == 4
    assert 'registry_http_requests_total{code="405",handler="base",method="other"} 50.0' in counted
    assert 'registry_http_requests_total{code="200",handler="base",method="get"} 1.0' in counted


async def test_an_error_is_answered_where_nothing_can_be_logged(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nobody behind stderr the client still gets the error's own status and document, not a bare 500."""
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr("sys.stderr", full)
        configure_logs(LogSettings())
        caller.board.post(Findings({"disk": "gone"}, {}))
        status, body = await caller.ask("GET", "/v2/")
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space"):
            full.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
    assert (status, json.loads(body)["errors"][0]["code"]) == (503, "UNAVAILABLE")
