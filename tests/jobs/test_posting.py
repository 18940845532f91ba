# SPDX-License-Identifier: Apache-2.0
"""One POST: names that nobody resolves, and name servers that are silent."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from entrepot.jobs.posting import Poster
from entrepot.jobs.settings import Endpoint
from entrepot.jobs.telling import NoAnswer


async def test_a_name_that_nobody_knows() -> None:
    """No answer, with the reason."""
    async with Poster(Endpoint("a", "http://nowhere.invalid/", timeout=10.0)) as poster:
        with pytest.raises(NoAnswer, match="gaierror"):
            await poster.post(b"{}")


async def test_a_silent_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt ends at its timeout, while one lookup goes on for all of them; other threads stay free."""
    over = threading.Event()
    asked = []

    def look_up(*arguments: Any, **_options: Any) -> list[Any]:
        asked.append(arguments)
        over.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with Poster(Endpoint("a", "http://hooks.example.com/", timeout=0.05)) as poster:
        for _ in range(40):
            with pytest.raises(NoAnswer, match="no answer within"):
                await poster.post(b"{}")
        assert len(asked) == 1
        assert await asyncio.to_thread(lambda: 1) == 1
        over.set()
