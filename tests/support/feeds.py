# SPDX-License-Identifier: Apache-2.0
"""The feed of events, walked page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx


def walk(client: httpx.Client, *, after: str = "", size: int = 7) -> tuple[list[dict[str, Any]], str]:
    """All events behind ``after``, and where a next walk begins."""
    events: list[dict[str, Any]] = []
    while True:
        answer = client.get("/api/v1/events", params={"after": after, "n": size})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert "missed" not in page
        if not page["events"]:
            return events, page["next"]
        assert len(page["events"]) <= size
        assert page["next"] != after
        events += page["events"]
        after = page["next"]
