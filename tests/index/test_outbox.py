# SPDX-License-Identifier: Apache-2.0
"""The feed: positions are given after the commit, one by one, to every event exactly once; the oldest go."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from entrepot.index.changes import ROWS

if TYPE_CHECKING:
    import pytest

    from entrepot.index.index import Index


async def place_all(index: Index) -> int:
    """Give a position to each event; returns how many got one."""
    placed = 0
    while found := await index.outbox.place():
        placed += found
    return placed


async def test_positions(index: Index, other: Index) -> None:
    """Consecutive, in the order in which events were written; without one an event is in no page."""
    await index.outbox.add(["a", "b"])
    assert await index.outbox.waiting()
    assert await index.outbox.page(0, 10) == []
    assert await index.outbox.extent() is None
    await other.outbox.add(["c"])
    assert await place_all(index) == 3
    assert not await index.outbox.waiting()
    page = await other.outbox.page(0, 10)
    assert [event.body for event in page] == ["a", "b", "c"]
    first = page[0].position
    assert [event.position for event in page] == [first, first + 1, first + 2]
    assert [event.body for event in await index.outbox.page(first, 1)] == ["b"]


async def test_two_that_give_positions(index: Index, other: Index) -> None:
    """At once, while others write: no position is given twice or left out."""
    bodies = [str(number) for number in range(500)]

    async def write() -> None:
        for start in range(0, 500, 50):
            await index.outbox.add(bodies[start : start + 50])

    async def place(mine: Index) -> None:
        while len(await mine.outbox.page(0, 1000)) < 500:
            await mine.outbox.place()

    await asyncio.gather(write(), place(index), place(other))
    page = await index.outbox.page(0, 1000)
    assert [event.body for event in page] == bodies
    assert [event.position for event in page] == list(range(page[0].position, page[0].position + 500))


async def test_dropping(index: Index) -> None:
    """The oldest go, some at a time and never the newest: the next position is counted from it."""
    await index.outbox.add([str(number) for number in range(ROWS + 50)])
    await place_all(index)
    extent = await index.outbox.extent()
    assert extent is not None
    assert await index.outbox.drop(extent.oldest - 1) == 0
    assert await index.outbox.drop(extent.newest + 1000) == ROWS
    assert await index.outbox.drop(extent.newest + 1000) == 49
    assert await index.outbox.drop(extent.newest + 1000) == 0
    assert [event.body for event in await index.outbox.page(0, 10)] == [str(ROWS + 49)]
    await index.outbox.add(["next"])
    await place_all(index)
    assert [event.position for event in await index.outbox.page(extent.newest, 10)] == [extent.newest + 1]


async def test_dropping_from_nothing(index: Index) -> None:
    """An empty feed has nothing to drop."""
    assert await index.outbox.drop(10) == 0


async def test_a_clock_that_goes_back(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first position has to do with the time."""
    await index.outbox.add(["a"])
    await place_all(index)
    monkeypatch.setattr(time, "time", lambda: 1.0)
    await index.outbox.add(["b"])
    await place_all(index)
    first, second = await index.outbox.page(0, 10)
    assert (second.body, second.position) == ("b", first.position + 1)


async def test_how_far_endpoints_were_told(index: Index, other: Index) -> None:
    """Kept until told otherwise or forgotten, and seen by every process."""
    await index.outbox.tell({"a": 5, "b": 7})
    await index.outbox.tell({"a": 6})
    assert await other.outbox.told() == {"a": 6, "b": 7}
    await other.outbox.forget(["a"])
    assert await index.outbox.told() == {"b": 7}
