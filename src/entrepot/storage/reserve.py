# SPDX-License-Identifier: Apache-2.0
"""The reserve file: space that is ours to give up when others fill the disk.

Uploads stop while less than ``disk.reserve`` is free, but other programs on the same disk do not ask us. On a full disk
SQLite cannot even delete (tried), so the index gets this file's space, once; the next start makes the file anew.
"""

import contextlib
import os
from pathlib import Path

from entrepot.storage import layout

SIZE = 16 * 1024 * 1024
"""Bytes: some thousand deletes and pushes of the index."""


def fill_reserve(root: Path, keep_free: int) -> None:
    """Make the file where the disk has room for it beside ``keep_free`` bytes; where it has not, there is none."""
    path = _path(root)
    free = os.statvfs(root)
    if path.exists() or free.f_bavail * free.f_frsize < keep_free + 2 * SIZE:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        with contextlib.suppress(OSError):
            os.posix_fallocate(descriptor, 0, SIZE)
    finally:
        os.close(descriptor)


def give_up_reserve(root: Path) -> bool:
    """Free the file's space; False where it was given up before."""
    try:
        _path(root).unlink()
    except OSError:
        return False
    return True


def _path(root: Path) -> Path:
    return root / layout.OWN / "reserve"
