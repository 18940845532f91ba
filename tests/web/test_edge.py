# SPDX-License-Identifier: Apache-2.0
"""The edge, called as a server calls it: what is counted and logged of requests."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from entrepot.storage.memory import open_memory
from entrepot.telemetry.health import Findings
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.metrics import expose
from entrepot.telemetry.settings import LogSettings
from support.edges import EdgeUnderTest
from support.houses import open_house


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[EdgeUnderTest]:
    """A server over an empty registry in memory."""
    with open_house(open_memory(), tmp_path / "index" / "index.sqlite3") as house:
        yield EdgeUnderTest(house)
    structlog.reset_defaults()


async def test_methods_that_clients_invent_are_one_series(caller: EdgeUnderTest, tmp_path: Path) -> None:
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
    caller: EdgeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nobody behind stderr the client still gets the error's own status and document, not a bare 500."""
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr("sys.stderr", full)
        configure_logs(LogSettings())
        caller.board.post(Findings({"disk": "gone"}, {}))
        answer = await caller.ask("GET", "/v2/")
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space"):
            full.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
    assert (answer.status, json.loads(answer.body)["errors"][0]["code"]) == (503, "UNAVAILABLE")
