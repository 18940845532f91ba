# SPDX-License-Identifier: Apache-2.0
"""Files that lie in memory and nowhere else: what forks of this process read by path, and no disk ever sees."""

import os
import weakref
from pathlib import Path


class MemoryFile:
    """An empty file; forks inherit it, and what one of them writes all can read. Gone with the last who holds it: this
    process does as long as it knows this object.
    """

    def __init__(self, name: str) -> None:
        self._descriptor = os.memfd_create(name)
        weakref.finalize(self, os.close, self._descriptor)

    @property
    def path(self) -> Path:
        """Valid in this process and its forks."""
        return Path(f"/proc/self/fd/{self._descriptor}")

    def write(self, content: bytes) -> None:
        """All of it, in place of what was there."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content, 0)

    def read(self) -> bytes:
        """All of it."""
        return os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
