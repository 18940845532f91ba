# SPDX-License-Identifier: Apache-2.0
"""Checks passwords so that it hurts those who guess: few at once, slower with each failure, never twice in half a
minute for who is right.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial

from entrepot.auth.failures import Failures, find_network
from entrepot.auth.hashing import Hashing
from entrepot.auth.remembered import Remembered
from entrepot.oci.errors import TooManyRequests

Verify = Callable[[str, str], bool]
"""Whether a stored hash (first) is that of a password (second); slow, so that it runs in a thread."""

BY_ADDRESS = 10.0
BY_USER = 1.0
"""Seconds that failures from an address, or for a user, let the next attempt wait at most."""

SECONDS = 30.0
"""For which a password that was right is believed without hashing it again."""

WAITING = 200
"""Passwords that wait to be hashed at most. While half as many wait, those from addresses that failed more than once
lately are turned away; twice as many may, of those who were right from the same address lately.
"""

WAITING_SUSPECT = 8
"""Of these from one address that failed more than once lately."""

MOST_KNOWN = 10_000
KNOWN_SECONDS = 3600.0
"""For which it counts that a user was right from an address."""


class Guard:
    """Of one worker. Not to be used by several threads."""

    def __init__(
        self,
        verify: Verify,
        dummy: str,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``dummy``: a stored hash that is checked where the user is not there, so that both cost the same time.

        It may be replaced later.
        """
        self._verify = verify
        self.dummy = dummy
        self._now, self._sleep = now, sleep
        self._remembered = Remembered[None](now)
        self._by_address, self._by_user = Failures(BY_ADDRESS, now), Failures(BY_USER, now)
        self._by_both = Failures(BY_USER, now)
        self._known: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._hashing = Hashing()
        self._running: dict[bytes, asyncio.Task[bool]] = {}
        self._sleeping = 0
        self._waiting: dict[str, int] = {}

    def recall(self, user: str, password: str, stored: str) -> bool:
        """Whether this password was found to be right in the last seconds, for the same stored hash. Microseconds."""
        return self._remembered.holds(self._remembered.name(user, password, stored))

    async def check(self, user: str, password: str, stored: str | None, address: str) -> bool:
        """Whether the password is right; ``stored`` None: there is no such user.

        Two at once are hashed; others wait. Who failed before waits longer: by address up to 10 s, by user up to 1 s,
        so that nobody can lock out another. Who was right from this address lately waits for no failures of others.
        Raises ``TooManyRequests`` where too many wait already.
        """
        name = self._remembered.name(user, password, self.dummy if stored is None else stored)
        if stored is not None and self._remembered.holds(name):
            return True
        network = find_network(address)
        known = self._is_known(user, network)
        suspicion = self._by_both.count(_both(user, network)) - 1 if known else self._by_address.count(network)
        self._require_room(network, suspicion)
        self._waiting[network] = self._waiting.get(network, 0) + 1
        try:
            await self._wait(user, network, known=known)
            right = await self._hash(name, password, stored, suspicion)
        finally:
            self._waiting[network] -= 1
            if not self._waiting[network]:
                del self._waiting[network]
        if right:
            self._remembered.add(name, None, self._now() + SECONDS)
            self._note_known(user, network)
        else:
            self._note(user, network)
        return right

    def note_failure(self, user: str, address: str) -> None:
        """A failure that was found without hashing, such as a wrong robot token."""
        self._note(user, find_network(address))

    def _require_room(self, network: str, suspicion: float) -> None:
        waiting = self._sleeping + len(self._running)
        if suspicion < 0:
            full = waiting >= 2 * WAITING
        elif suspicion < 1:
            full = waiting >= WAITING
        else:
            full = waiting >= WAITING // 2 or self._waiting.get(network, 0) >= WAITING_SUSPECT
        if full:
            seconds = max(1, math.ceil(self._by_address.delay(network)))
            raise TooManyRequests(
                f"too many passwords wait to be checked; try again in {seconds} s",
                headers={"Retry-After": str(seconds)},
            )

    async def _wait(self, user: str, network: str, *, known: bool) -> None:
        if known:
            delay = self._by_both.delay(_both(user, network))
        else:
            delay = max(self._by_address.delay(network), self._by_user.delay(user))
        if delay:
            self._sleeping += 1
            try:
                await self._sleep(delay)
            finally:
                self._sleeping -= 1

    async def _hash(self, name: bytes, password: str, stored: str | None, suspicion: float) -> bool:
        """Those who ask the same at once share one hash; it is finished though all of them are gone."""
        if stored is not None and self._remembered.holds(name):
            return True
        task = self._running.get(name)
        if task is None:
            job = partial(self._verify, self.dummy if stored is None else stored, password)
            task = asyncio.get_running_loop().create_task(self._hashing.run(job, suspicion))
            self._running[name] = task
            task.add_done_callback(lambda _: self._running.pop(name))
        return await asyncio.shield(task) and stored is not None

    def _is_known(self, user: str, network: str) -> bool:
        return self._known.get((user, network), -math.inf) > self._now()

    def _note_known(self, user: str, network: str) -> None:
        self._known[user, network] = self._now() + KNOWN_SECONDS
        self._known.move_to_end((user, network))
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _note(self, user: str, network: str) -> None:
        self._by_address.add(network)
        self._by_user.add(user)
        self._by_both.add(_both(user, network))


def _both(user: str, network: str) -> str:
    return f"{network} {user}"
