# SPDX-License-Identifier: Apache-2.0
"""The edge with all that a worker has behind it, called as a server calls it: no sockets, so that thousands of requests
take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.auth.gate import Gate, OpenGate
from entrepot.telemetry.health import HealthBoard
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.metrics import RequestMetrics
from entrepot.telemetry.settings import LogSettings
from entrepot.web.api.joining import join_api
from entrepot.web.doors import Doors
from entrepot.web.edge import Edge, Parts
from entrepot.web.locations import Locations
from entrepot.web.origins import Origins, find_allowed
from entrepot.web.pages import Pages
from entrepot.web.settings import HttpSettings, TcpAddress
from entrepot.web.v1 import Search
from entrepot.web.v2.api import Api

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import Message

    from entrepot.auth.administration import Administration
    from entrepot.web.api.operations import Operation
    from support.houses import House


@dataclass(frozen=True)
class Answered:
    """Names of headers in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class EdgeUnderTest:
    """One worker's edge over `house`."""

    def __init__(
        self,
        house: House,
        gate: Gate | None = None,
        settings: HttpSettings | None = None,
        administration: Administration | None = None,
    ) -> None:
        settings = settings or HttpSettings(TcpAddress("", 0))
        self.metrics = RequestMetrics()
        self.board = HealthBoard()
        self.directory = house.index.directory
        registry = house.registry
        doors = Doors(gate or OpenGate(), settings)
        self._api = join_api(registry, doors, settings, administration)
        parts = Parts(
            Api(registry, doors, Locations(settings), Origins(settings.base, find_allowed(settings.headers))),
            Search(registry, doors),
            self._api,
            Pages(self.board, registry.catalogue, None),
        )
        log = configure_logs(LogSettings())
        self._edge = Edge(registry, parts, doors, settings, self.board, self.metrics, None, log)

    @property
    def operations(self) -> list[Operation]:
        """All of the JSON API."""
        return [operation for methods in self._api._paths.values() for operation in methods.values()]

    async def ask(
        self,
        method: str,
        target: str,
        headers: Sequence[tuple[bytes, bytes]] = (),
        *,
        body: bytes = b"",
        client: str = "192.0.2.7",
    ) -> Answered:
        """One request from `client`; `target` with its query."""
        sent: list[Message] = []
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "scheme": "http",
            "http_version": "1.1",
            "client": (client, 50_000),
            "headers": [(b"host", b"registry.example.com"), *headers],
            "query_string": query.encode(),
            "extensions": {},
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._edge(scope, receive, send)
        named = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answered(sent[0]["status"], named, b"".join(message.get("body", b"") for message in sent[1:]))
