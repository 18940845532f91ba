# SPDX-License-Identifier: Apache-2.0
"""Who holds an intent, and whether they still live.

A holder is a file with an flock that its process keeps: it dies with the process, also on kill -9, and unlike a process
number it is never reused and means the same in every container that sees the file. It is for its owner alone: whoever
else could open it could lock it, and would seem to live.
"""

import contextlib
import fcntl
import os
from pathlib import Path
from uuid import uuid4


class Holder:
    """This process. Made after a fork, never shared across one."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self._directory = directory
        self.name = uuid4().hex
        self._path = directory / self.name
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def close(self) -> None:
        """From here on this holder counts as gone."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        os.close(self._descriptor)

    def lives(self, holder: str) -> bool:
        """Whether the process behind ``holder`` is still there. Its file goes with it, at the latest here."""
        if holder == self.name:
            return True
        path = self._directory / holder
        try:
            descriptor = os.open(path, os.O_RDWR)
        except (FileNotFoundError, IsADirectoryError):
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            return False
        finally:
            os.close(descriptor)

    def sweep(self) -> None:
        """Remove the files that killed processes left. Only while no other process can be making one."""
        for holder in os.listdir(self._directory):
            self.lives(holder)
