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
from entrepot.auth.places import Place, Places
from entrepot.auth.remembered import Remembered
from entrepot.oci.errors import TooManyRequests

Verify = Callable[[str, str], bool]
"""Whether a stored hash (first) is that of a password (second); slow, so that it runs in a thread."""

BY_ADDRESS = 10.0
"""Seconds that failures from an address let the next attempt wait at most, for a user who failed from there lately."""

NEWCOMER = 2.0
"""The same for any other user, who need not be the one that guesses there."""

BY_USER = 1.0
"""Seconds that failures for a user, from wherever, let the next attempt wait at most."""

SECONDS = 30.0
"""For which a password that was right is believed without hashing it again."""

WAITING = 200
"""Passwords that wait to be hashed at most, half as many of one address. Those from addresses that failed more than
once lately find room while half as many wait in all; twice as many may, of those who were right lately.
"""

WAITING_SUSPECT = 32
"""Of these from one address that failed more than once lately: 16 attempts a second for who guesses at ever new names
(:data:`NEWCOMER`), 3 for who guesses at the same ones (:data:`BY_ADDRESS`).
"""

MOST_KNOWN = 10_000
KNOWN_SECONDS = 3600.0
"""For which it counts that a user was right from an address, or that a password was."""


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
        self._proven = Remembered[None](now)
        self._known: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._hashing = Hashing()
        self._running: dict[bytes, asyncio.Task[bool]] = {}
        self._places = Places()

    def recall(self, user: str, password: str, stored: str) -> bool:
        """Whether this password was found to be right in the last seconds, for the same stored hash. Microseconds."""
        return self._remembered.holds(self._remembered.name(user, password, stored))

    async def check(self, user: str, password: str, stored: str | None, address: str) -> bool:
        """Whether the password is right; ``stored`` None: there is no such user.

        Two at once are hashed; others wait. After failures from an address the same user waits up to 10 s there, others
        up to 2 s; after failures for a user from anywhere that user waits up to 1 s. Who was right from this address
        lately waits for no failures of others, and a password that was right lately is no guess and waits for nothing.
        Raises ``TooManyRequests`` where too many wait who are not more suspect.
        """
        name = self._remembered.name(user, password, self.dummy if stored is None else stored)
        if stored is not None and self._remembered.holds(name):
            return True
        network = find_network(address)
        right = await self._check(name, user, password, stored, network)
        if right:
            self._remembered.add(name, None, self._now() + SECONDS)
            self._proven.add(name, None, self._now() + KNOWN_SECONDS)
            self._note_known(user, network)
        else:
            self._note(user, network)
        return right

    async def _check(self, name: bytes, user: str, password: str, stored: str | None, network: str) -> bool:
        proven = stored is not None and self._proven.holds(name)
        place = Place(user, network, name, self._by_both.count(_both(user, network)), proven)
        known = proven or self._is_known(user, network)
        if known:
            suspicion = -1.0 if proven else place.failures - 1
        else:
            suspicion = self._by_address.count(network) + place.failures
        if name in self._running:  # who asks the same at once learns nothing by it, and needs no room
            return await self._hash(name, password, stored, suspicion)
        self._take(place, known=known)
        try:
            await self._wait(place, 0.0 if proven else self._find_delay(place, known=known))
            return await self._hash(name, password, stored, suspicion)
        finally:
            self._places.give(place)

    async def hash(self, job: Callable[[], str]) -> str:
        """Hash a new password, in the same few threads. Not for many at once: that is for the caller to see to."""
        return await self._hashing.run(job, 0.0)

    def _take(self, place: Place, *, known: bool) -> None:
        if known:
            most, most_here = 2 * WAITING, 2 * WAITING
        elif self._by_address.count(place.network) < 1:
            most, most_here = WAITING, WAITING // 2
        else:
            most, most_here = WAITING // 2, WAITING_SUSPECT
        if not self._places.take(place, most, most_here):
            raise self._refuse(place)

    def _refuse(self, place: Place) -> TooManyRequests:
        seconds = max(1, math.ceil(self._find_delay(place, known=False)))
        return TooManyRequests(
            f"too many passwords wait to be checked; try again in {seconds} s", headers={"Retry-After": str(seconds)}
        )

    def _find_delay(self, place: Place, *, known: bool) -> float:
        if known:
            return self._by_both.delay(_both(place.user, place.network))
        by_address = self._by_address.delay(place.network)
        return max(by_address if place.failed else min(NEWCOMER, by_address), self._by_user.delay(place.user))

    async def _wait(self, place: Place, delay: float) -> None:
        """Raises ``TooManyRequests`` where the place was lost meanwhile."""
        if not delay:
            return
        place.sleeping = asyncio.ensure_future(self._sleep(delay))
        try:
            await asyncio.wait({place.sleeping})
        finally:
            place.sleeping.cancel()
        if place.lost:
            raise self._refuse(place)

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
