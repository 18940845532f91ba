# SPDX-License-Identifier: Apache-2.0
"""Claims a data directory for one server: made where it is missing, locked against a second server.

Two servers on one directory would clear each other's temporary files and could not tell whose intents are dead.
"""

import contextlib
import fcntl
import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from entrepot.oci.errors import Unavailable
from entrepot.storage import layout
from entrepot.storage.steps import identify, open_lock, sync_directory

PATIENCE = 5.0
"""Seconds to wait for a server that is just ending, as on a restart."""

NETWORK_KINDS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs"}
)
"""Filesystems on which SQLite's locks and memory maps cannot be trusted."""

Identity = tuple[int, int]
"""Device and inode of a data directory."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A directory that is held. ``identity`` goes to every fork: a worker that is started later must not take whatever
    directory it finds for the one that was claimed.
    """

    writable: bool
    identity: Identity


@contextlib.contextmanager
def claim_directory(root: Path) -> Iterator[Claim]:
    """Hold ``root`` while inside. Raises ``Unavailable`` with what to do.

    A directory that holds a registry but cannot be written is served read-only.
    """
    with _hold(root) as writable:
        yield Claim(writable, identify(root))


def look_at(root: Path) -> Identity:
    """The directory as it is now, for a command beside a server. Raises ``Unavailable`` where it is gone."""
    try:
        return identify(root)
    except FileNotFoundError:
        raise Unavailable(
            f"the data directory {root} is not there; start the registry once: entrepot serve "
            "(with the same configuration)"
        ) from None
    except OSError as error:
        raise Unavailable(f"the data directory {root} cannot be opened: {error.strerror}") from error


def make_temporary(root: Path) -> None:
    """Make where files lie on their way to a name, for a command that writes where no server has been yet. Raises
    ``Unavailable``.
    """
    try:
        _make_directories(root, layout.TEMPORARY)
    except OSError as error:
        raise Unavailable(f"the data directory {root} cannot be written: {error.strerror}") from error


def is_served(root: Path) -> bool:
    """Whether a server holds ``root`` at this moment; it counts as held where we may not look."""
    try:
        descriptor = os.open(root / layout.OWN / "serving.lock", os.O_RDONLY | os.O_NONBLOCK)
    except PermissionError:
        return True  # only who serves may look
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # a server that starts now waits for longer than this
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def _hold(root: Path) -> Iterator[bool]:
    try:
        for key in (layout.BLOBS, layout.REPOSITORIES, layout.TEMPORARY):
            _make_directories(root, key)
        descriptor = open_lock(root / layout.OWN / "serving.lock")
    except OSError as error:
        if (root / layout.REPOSITORIES).is_dir():
            yield False
            return
        raise Unavailable(
            f"the data directory {root} cannot be made or written: {error.strerror}; "
            "give it to the user that runs entrepot, or name another as storage.filesystem.rootdirectory"
        ) from error
    try:
        _lock(descriptor, root)
        _clear_temporary(root / layout.TEMPORARY)
        yield True
    finally:
        os.close(descriptor)


def filesystem_kind(path: Path) -> str:
    """The type of the filesystem that holds ``path`` (ext4, overlay, nfs4 ...), or ``unknown``."""
    best, kind = "", "unknown"
    target = str(path.resolve())
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return kind
    for line in mounts:
        fields = line.split(" ")
        point = fields[1].encode().decode("unicode_escape")
        below = target == point or target.startswith(point.rstrip("/") + "/")
        if below and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def _make_directories(root: Path, key: str) -> None:
    """Make ``key`` below ``root``; each entry on the way is on the disk, whoever made it."""
    os.makedirs(root / key, exist_ok=True)
    for made in (Path(key), *Path(key).parents):
        with contextlib.suppress(PermissionError):  # above the root we may pass but not read
            sync_directory(os.path.dirname(root / made))


def _lock(descriptor: int, root: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace")
                raise Unavailable(
                    f"the data directory {root} is served already, by {holder or 'another entrepot'}; "
                    "stop that one, or name another directory as storage.filesystem.rootdirectory"
                ) from None
            time.sleep(0.05)
        else:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}".encode(), 0)
            return


def _clear_temporary(directory: Path) -> None:
    """Remove what crashed processes left on its way to a name."""
    for entry in os.scandir(directory):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)
