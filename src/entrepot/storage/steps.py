# SPDX-License-Identifier: Apache-2.0
"""Single steps of the filesystem: open what is a file, write all of it, sync a directory, know a directory again."""

import contextlib
import errno
import os
import stat
from pathlib import Path

NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}  # the last: a socket
"""Errors that say that a path leads to no file."""


def open_regular(path: str) -> int | None:
    """A descriptor to read a file, or None. What lies in its place and is none (a directory, a pipe, a symlink to
    itself) counts as not there: opening a pipe would wait for ever, and one odd entry must not stop all.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in NO_FILE:
            return None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def remove_empty(path: str) -> bool:
    """Whether an empty directory was removed; what holds something, or is none, stays."""
    try:
        os.rmdir(path)
    except OSError:
        return False
    return True


def identify(root: Path) -> tuple[int, int]:
    """Device and inode of a directory, by which it is known again. Raises ``OSError`` where it is gone."""
    found = os.stat(root)
    return found.st_dev, found.st_ino


def sync_directory(path: str) -> None:
    """fsync of a directory: the names in it survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte; the kernel may take fewer at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_all_vectors(descriptor: int, chunks: list[bytes]) -> None:
    """Write every byte of ``chunks`` in order, with one system call where the kernel takes them at once."""
    total = sum(map(len, chunks))
    written = os.writev(descriptor, chunks[:1024])
    if written == total:
        return
    write_all(descriptor, memoryview(b"".join(chunks))[written:])


def open_lock(path: str | Path) -> int:
    """Open or make a file that is only locked. For its owner alone, also where an earlier version made it: whoever can
    read it could lock it for ever.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with contextlib.suppress(PermissionError):  # another's, who let us in
        os.fchmod(descriptor, 0o600)
    return descriptor
