# SPDX-License-Identifier: Apache-2.0
"""Room for those whose passwords wait to be checked: who is more suspect makes way for who is less."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

GUESSES = 4
"""Different passwords that wait for one user from one address at most: no user has as many."""

FAILED = 0.5
"""Failures from which somebody counts as failed: one, for a minute."""


@dataclass(slots=True, eq=False)
class Place:
    """Of one attempt. ``question``: what is asked, as a hash; ``failures``: of this user from this network lately;
    ``proven``: the password was right lately.
    """

    user: str
    network: str
    question: bytes
    failures: float
    proven: bool
    sleeping: "asyncio.Future[None] | None" = None
    lost: bool = False

    @property
    def failed(self) -> bool:
        """Whether the user failed from there lately."""
        return self.failures >= FAILED


class Places:
    """Of one worker. Not to be used by several threads."""

    def __init__(self) -> None:
        self._taken: dict[str, list[Place]] = {}
        self._count = 0

    def take(self, place: Place, most: int, most_here: int) -> bool:
        """Whether there is room, which is taken: ``most`` in all, ``most_here`` from its network.

        Where there is none, somebody who sleeps and is more suspect loses a place, and is woken.
        """
        here = self._taken.get(place.network, ())
        if not place.proven:
            asked = {other.question for other in here if other.user == place.user and not other.proven}
            if len(asked | {place.question}) > GUESSES:
                return False
        if len(here) >= most_here and not self._clear(here, place):
            return False
        if self._count >= most:
            everybody = [other for others in self._taken.values() for other in others]
            if not self._clear(everybody, place):
                return False
        self._taken.setdefault(place.network, []).append(place)
        self._count += 1
        return True

    def give(self, place: Place) -> None:
        """Free it, unless it was lost before."""
        here = self._taken.get(place.network, [])
        if place in here:
            here.remove(place)
            self._count -= 1
            if not here:
                del self._taken[place.network]

    def _clear(self, among: Sequence[Place], place: Place) -> bool:
        asleep = [other for other in among if other.sleeping is not None and not other.sleeping.done()]
        worst = max(asleep, key=self._weigh, default=None)
        if worst is None or worst.sleeping is None or self._weigh(worst) <= self._weigh(place):
            return False
        worst.lost = True
        worst.sleeping.cancel()
        self.give(worst)
        return True

    def _weigh(self, place: Place) -> tuple[float, int]:
        """How suspect: by failures, then by how many wait for the same user from the same network."""
        here = self._taken.get(place.network, ())
        beside = sum(other.user == place.user for other in here if other is not place)
        return (place.failures if place.failed else 0.0), beside
