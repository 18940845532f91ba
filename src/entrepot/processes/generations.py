# SPDX-License-Identifier: Apache-2.0
"""Generations of workers: how all of them are replaced, by others that know something new, and nobody is refused.

A new generation is started beside the one that serves. When each of its children is ready, it serves; the former parts:
first it only takes no new connections (:data:`PART`), and says so on those that it has, then it is asked to end
(SIGTERM), and has long for what is under way, such as the upload of a large layer over a slow line. Where the new ones
do not become ready, the former go on.
"""

import signal
import time
from collections.abc import Callable, Iterator, Sequence

from entrepot.processes.children import Child
from entrepot.telemetry.logs import Logger

PART = signal.SIGUSR1
"""To a child: take no new connections."""

PARTING = 1.5
"""Seconds from then until SIGTERM, which cuts connections on which nothing is asked: a client that was about to ask has
read by then that the connection ends."""

PATIENCE = 3600.0
"""Seconds that open requests of a former generation get."""

LEAVING = 3
"""Former generations that may still have open requests; of one more the oldest is cut, for each holds memory."""

BIRTH = 60.0
"""Seconds after which a generation that is not ready is given up."""

Renew = Callable[[], Sequence[Child] | None]
"""Asked at most twice a second: the children of a new generation, where one is due. Must not start threads."""


class Generation:
    """Children that were started together and go together."""

    def __init__(self, children: Sequence[Child]) -> None:
        self.children = children
        self.since = 0.0
        self.cut = False

    def start(self) -> None:
        """Fork all of them."""
        self.since = time.monotonic()
        for child in self.children:
            child.start()

    def age(self) -> float:
        """Seconds since it was started, or began to part."""
        return time.monotonic() - self.since

    def signal(self, number: int) -> None:
        """To all that live."""
        for child in self.children:
            child.signal(number)

    @property
    def ready(self) -> bool:
        """Whether all of them have begun their work."""
        return all(child.pid and child.ready.up for child in self.children)

    @property
    def failed(self) -> bool:
        """Whether one of them died, or none of them gets on."""
        return not all(child.pid for child in self.children) or self.age() > BIRTH

    @property
    def gone(self) -> bool:
        """Whether none is left."""
        return not any(child.pid for child in self.children)


class Succession:
    """The generation that serves, the one to come, and those that leave."""

    def __init__(self, first: Sequence[Child], renew: Renew, log: Logger) -> None:
        self.serving = Generation(first)
        self._renew = renew
        self._log = log
        self._coming: Generation | None = None
        self._asked: list[Generation] = []
        self._ended: list[Generation] = []

    @property
    def busy(self) -> bool:
        """Whether a change is under way that should not wait."""
        return self._coming is not None or bool(self._asked)

    def everyone(self) -> Iterator[Child]:
        """All children of all generations."""
        yield from self.serving.children
        for generation in self._others():
            yield from generation.children

    def bury(self, pid: int) -> bool:
        """Whether a child of a generation that does not serve has died; it is not started again."""
        for generation in self._others():
            for child in generation.children:
                if child.pid == pid:
                    child.pid = 0
                    return True
        return False

    def proceed(self) -> None:
        """One look at what is due; returns at once."""
        self._part()
        if self._coming is None:
            children = self._renew()
            if children is not None:
                self._coming = Generation(children)
                self._coming.start()
        elif self._coming.failed:
            self._give_up(self._coming)
        elif self._coming.ready:
            self._hand_over(self._coming)

    def _others(self) -> Iterator[Generation]:
        if self._coming is not None:
            yield self._coming
        yield from self._asked
        yield from self._ended

    def _hand_over(self, generation: Generation) -> None:
        former, self.serving, self._coming = self.serving, generation, None
        for child in generation.children:
            child.stood = True
        self._dismiss(former)
        self._log.info("new workers serve; the former ones end what is under way", seconds=PATIENCE)

    def _give_up(self, generation: Generation) -> None:
        """The children that are left part as former ones do: they may have taken connections already."""
        self._coming = None
        self._dismiss(generation)
        self._log.error("new workers did not start; the former ones go on serving")

    def _dismiss(self, generation: Generation) -> None:
        generation.signal(PART)
        generation.since = time.monotonic()
        self._asked.append(generation)

    def _part(self) -> None:
        for generation in [one for one in self._asked if one.age() >= PARTING]:
            generation.signal(signal.SIGTERM)
            self._asked.remove(generation)
            self._ended.append(generation)
        self._ended = [one for one in self._ended if not one.gone]
        crowd = len(self._asked) + len(self._ended) - LEAVING
        for place, generation in enumerate(self._ended):
            if (place < crowd or generation.age() > PATIENCE) and not generation.cut:
                self._log.warning("open requests of former workers were cut; uploads can go on where they were")
                generation.signal(signal.SIGKILL)
                generation.cut = True
