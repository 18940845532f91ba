# SPDX-License-Identifier: Apache-2.0
"""When accounts were last used: gathered in memory, written every few seconds."""

import asyncio
import time
from collections.abc import Callable

from entrepot.index.directory import Directory
from entrepot.oci.errors import RegistryError
from entrepot.telemetry.logs import Logger

SECONDS = 3.0
"""Between two times that it is written; a worker that is killed loses so much."""


class Uses:
    """Of one worker. Not to be used by several threads."""

    def __init__(self, directory: Directory, log: Logger, now: Callable[[], float] = time.time) -> None:
        self._directory = directory
        self._log = log
        self._now = now
        self._moments: dict[str, float] = {}

    def note(self, name: str) -> None:
        """The account was used just now."""
        self._moments[name] = self._now()

    async def write_on(self) -> None:
        """Write every :data:`SECONDS`, until cancelled, and then what is left."""
        try:
            while True:
                await asyncio.sleep(SECONDS)
                await self._write()
        finally:
            await self._write()

    async def _write(self) -> None:
        moments, self._moments = self._moments, {}
        if not moments:
            return
        try:
            await self._directory.note_used(list(moments.items()))
        except (RegistryError, OSError) as error:
            self._log.warning("when accounts were last used could not be written", detail=str(error))
