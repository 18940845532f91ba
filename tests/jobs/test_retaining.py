# SPDX-License-Identifier: Apache-2.0
"""Retention on its schedule: who may, when it waits, and what a wrong clock does not do."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import pytest
import structlog

from entrepot.jobs import retaining
from entrepot.jobs.clock import Clock
from entrepot.jobs.counting import COUNTED_UNTIL, GAP, note_counting
from entrepot.jobs.retaining import retain, retain_forever
from entrepot.jobs.tenure import Busy
from entrepot.registry.adoption import take_turns
from entrepot.registry.retaining import COUNTED_SINCE
from entrepot.registry.settings import Policy, RegistrySettings, RetentionSettings
from support import images
from support.houses import push
from support.rooms import NAME
from support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.houses import House

YEAR = 365 * 24 * 3600.0


def settings(interval: float = 3600) -> RegistrySettings:
    """Tags older than a day go."""
    return RegistrySettings(retention=RetentionSettings(interval, (Policy(("**",), younger=24 * 3600.0),)))


@pytest.fixture(autouse=True)
async def image(house: House) -> None:
    """A tag that was just pushed, in an index that is whole."""
    await house.index.completeness.mark_whole()
    await push(house.registry, NAME, images.image(), "latest")


async def tags(house: House) -> list[str]:
    """Those that are there."""
    return [*await house.index.lists.tags(NAME, "", -1)]


async def emptied(house: House) -> None:
    """Wait until there are none."""
    async with asyncio.timeout(20):
        while await tags(house):  # noqa: ASYNC110 - another connection tells nobody
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(house: House, how: RegistrySettings) -> AsyncIterator[None]:
    """The schedule, until the end."""
    job = asyncio.ensure_future(retain_forever(house.storage, house.index, how, structlog.get_logger()))
    try:
        yield
    finally:
        job.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await job


async def test_a_clock_a_year_ahead(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock set forward a year drops nothing in that round; once it is taken as it is, the next one drops."""
    monkeypatch.setattr(retaining, "FIRST_SECONDS", 0.3)
    looked = 0
    real, steady = time.time, Clock.steady

    def look(clock: Clock) -> bool:
        nonlocal looked
        looked += 1
        return steady(clock)

    monkeypatch.setattr(Clock, "steady", look)
    async with running(house, settings(interval=0.5)):
        await asyncio.sleep(0.05)
        monkeypatch.setattr(time, "time", lambda: real() + YEAR)
        await eventually(lambda: looked == 1, what="the first round came")
        await asyncio.sleep(0.2)
        assert await tags(house) == ["latest"]
        await eventually(lambda: looked >= 3, what="later rounds came")
    assert await tags(house) == []


async def test_each_interval(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What becomes old goes in a later round; without policies there is none."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3 * 24 * 3600)
    async with running(house, RegistrySettings()):
        await asyncio.sleep(0.1)
        assert await tags(house) == ["latest"]
    monkeypatch.setattr(retaining, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(Clock, "steady", lambda _: True)
    async with running(house, settings(interval=0.05)):
        await emptied(house)
        await push(house.registry, NAME, images.image(), "again")
        monkeypatch.setattr(time, "time", lambda: now + 6 * 24 * 3600)
        await emptied(house)


async def test_one_at_a_time(house: House) -> None:
    """While another process applies the policies, this one is told so; after its death it can."""
    with house.another() as other:
        assert await other.index.leases.take(retaining.JOB, 10)
        with pytest.raises(Busy):
            await retain(house.storage, house.index, settings(), take_turns)
    assert (await retain(house.storage, house.index, settings(), take_turns)).tags == 0


async def since(house: House) -> float:
    """Since when pulls are counted."""
    known = await house.index.kept.get(COUNTED_SINCE)
    assert known is not None
    return float(known)


async def test_since_when_pulls_are_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Since the first start; a short stop does not matter, after a long one and where the clock was behind it begins
    anew.
    """
    now = 1e9
    monkeypatch.setattr(time, "time", lambda: now)
    await note_counting(house.index)
    first = now
    now += GAP - 1
    await note_counting(house.index)
    assert await since(house) == first
    now += GAP + 1
    await note_counting(house.index)
    assert await since(house) == now
    now -= YEAR
    await note_counting(house.index)
    assert await since(house) == now
    assert await house.index.kept.get(COUNTED_UNTIL) == str(now)
