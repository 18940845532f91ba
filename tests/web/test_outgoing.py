# SPDX-License-Identifier: Apache-2.0
"""The large answers under way are bounded in bytes, and whoever waits for room is told in time."""

import asyncio

import pytest

from entrepot.oci.errors import Unavailable
from entrepot.web.exchange import SMALL
from entrepot.web.outgoing import AT_ONCE, Outgoing


async def test_room_is_given_back() -> None:
    """What is under way takes room until it ends; who waits for it goes on then."""
    outgoing = Outgoing()
    held = asyncio.Event()

    async def wait() -> None:
        async with outgoing.hold(AT_ONCE):
            held.set()

    async with outgoing.hold(AT_ONCE - SMALL):
        assert not outgoing.fits(2 * SMALL)
        waiting = asyncio.ensure_future(wait())
        await asyncio.sleep(0.01)
        assert not held.is_set()
    await waiting
    assert held.is_set()
    assert outgoing.fits(AT_ONCE)


async def test_who_waits_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no room comes, a large answer is refused with Retry-After; a small one never waits."""
    monkeypatch.setattr("entrepot.web.outgoing.WAIT_SECONDS", 0.1)
    outgoing = Outgoing()
    async with outgoing.hold(10 * AT_ONCE):
        async with outgoing.hold(SMALL):
            pass
        with pytest.raises(Unavailable) as caught:
            async with outgoing.hold(SMALL + 1):
                raise AssertionError
        assert "Retry-After" in caught.value.headers
    assert outgoing.fits(AT_ONCE)
