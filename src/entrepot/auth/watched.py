# SPDX-License-Identifier: Apache-2.0
"""Files that may change while the registry runs: read again when they did, kept as they were when they broke."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from entrepot.telemetry.logs import Logger

EVERY = 0.5
"""Seconds between two looks at the files; one look is a ``stat`` of each."""

Content = TypeVar("Content")
Signature = tuple[tuple[int, int, int] | None, ...]


class FileBroken(Exception):
    """A file that cannot be used; the message says what to do."""


class Watched(Generic[Content]):
    """What ``read`` makes of ``paths``: made at once, which blocks, and again in a thread when they changed.

    Of one worker; not to be used by several threads. ``read`` is called with what it gave before, None the first time;
    it raises ``OSError`` or :class:`FileBroken`, and then the content stays as it was. ``nothing``: the content until
    it succeeds.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        read: Callable[[Content | None], Content],
        nothing: Content,
        log: Logger,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paths = paths
        self._read = read
        self._log = log
        self._now = now
        self._content = nothing
        self._before: Content | None = None
        self._reading: asyncio.Task[None] | None = None
        self._looked, self._signature = now(), _sign(paths)
        self._take(self._try())

    @property
    def content(self) -> Content:
        """As last read."""
        return self._content

    def is_fresh(self) -> bool:
        """Whether the content is that of the files as they were at most :data:`EVERY` ago. Microseconds."""
        if self._now() - self._looked < EVERY:
            return True
        if self._reading is not None or _sign(self._paths) != self._signature:
            return False
        self._looked = self._now()
        return True

    async def refresh(self) -> Content:
        """Read what has changed, in a thread; all who ask meanwhile wait for one reading."""
        if not self.is_fresh():
            if self._reading is None:
                self._reading = asyncio.get_running_loop().create_task(self._read_again())
                self._reading.add_done_callback(self._end_reading)
            await asyncio.shield(self._reading)
        return self._content

    async def _read_again(self) -> None:
        # signed before it is read: what changes meanwhile is found at the next look
        looked, signature = self._now(), _sign(self._paths)
        if self._take(await asyncio.to_thread(self._try)):
            self._log.info("a changed file of auth was read", paths=self._names)
        self._looked, self._signature = looked, signature

    def _try(self) -> Content | FileBroken:
        try:
            return self._read(self._before)
        except OSError as error:
            return FileBroken(f"{error.strerror}: {error.filename}")
        except FileBroken as error:
            return error

    def _take(self, found: Content | FileBroken) -> bool:
        if isinstance(found, FileBroken):
            holds = "what it said before holds" if self._before is not None else "nobody is let in by it"
            self._log.error(f"a file of auth cannot be used; {holds}", paths=self._names, reason=str(found))
            return False
        self._content = self._before = found
        return True

    def _end_reading(self, _: asyncio.Task[None]) -> None:
        self._reading = None

    @property
    def _names(self) -> str:
        return ", ".join(map(str, self._paths))


def _sign(paths: Sequence[Path]) -> Signature:
    return tuple(map(_sign_one, paths))


def _sign_one(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
