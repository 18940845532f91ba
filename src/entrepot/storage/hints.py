# SPDX-License-Identifier: Apache-2.0
"""What the kernel is told ahead of time. It may not listen: correctness never rests on it."""

import ctypes
from collections.abc import Callable
from functools import cache

_SYNC_FILE_RANGE_WRITE = 2


def sync_ahead(descriptor: int, start: int, end: int) -> None:
    """Let the kernel begin to bring these bytes of a file to the disk, without waiting for it. What goes wrong is told
    by the fsync that must follow.
    """
    hint = find_hint(None)
    if hint is not None:
        hint(descriptor, ctypes.c_int64(start), ctypes.c_int64(end - start), _SYNC_FILE_RANGE_WRITE)


@cache
def find_hint(library: str | None) -> Callable[..., int] | None:
    """``sync_file_range`` of a library (None: the C library of this process); None where it has none."""
    try:
        found: Callable[..., int] = ctypes.CDLL(library).sync_file_range
    except (AttributeError, OSError):
        return None
    return found
