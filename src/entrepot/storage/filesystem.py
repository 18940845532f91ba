# SPDX-License-Identifier: Apache-2.0
"""Opens a data directory as storage, and says where it cannot be what it must be."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from entrepot.oci.errors import Unavailable
from entrepot.storage import layout
from entrepot.storage.files import Files, sync_directory
from entrepot.storage.filesystem_blobs import FilesystemBlobs, FilesystemHealth
from entrepot.storage.filesystem_links import FilesystemLinks
from entrepot.storage.filesystem_uploads import FilesystemUploads, Workshop
from entrepot.storage.hashing import RunningDigests, read_boot_id
from entrepot.storage.ports import Storage
from entrepot.storage.settings import DiskSettings, FilesystemSettings


def prepare_directory(settings: FilesystemSettings) -> None:
    """Make the data directory and ours in it. Raises ``Unavailable`` with what to do."""
    root = settings.rootdirectory
    try:
        for key in (layout.BLOBS, layout.REPOSITORIES, layout.TEMPORARY):
            os.makedirs(root / key, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"the data directory {root} cannot be made or written: {error.strerror}; "
            "give it to the user that runs entrepot, or name another as storage.filesystem.rootdirectory"
        ) from error


def clear_temporary(settings: FilesystemSettings) -> None:
    """Remove what crashed processes left on its way to a name. Only while no process of ours runs on this data."""
    directory = settings.rootdirectory / layout.TEMPORARY
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(directory):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


@contextlib.contextmanager
def open_filesystem(settings: FilesystemSettings, disk: DiskSettings) -> Iterator[Storage]:
    """The storage in ``settings.rootdirectory``, which :func:`prepare_directory` has made."""
    sync_file = os.fsync if disk.fsync else _ignore_file
    sync_names = sync_directory if disk.fsync else _ignore_directory
    files = Files(settings.rootdirectory, sync_file, sync_names)
    health = FilesystemHealth(files, disk.reserve)
    threads = max(2, settings.maxthreads // 4)
    with (
        ThreadPoolExecutor(min(threads, 8), "hash") as writing,
        ThreadPoolExecutor(min(threads, 16), "fsync") as syncing,
    ):
        links = FilesystemLinks(files, syncing)
        shop = Workshop(files, health, writing, syncing, RunningDigests(), read_boot_id())
        yield Storage(FilesystemBlobs(files, syncing), links, FilesystemUploads(shop, links), health)


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


def _ignore_file(descriptor: int) -> None:
    """``disk.fsync: false``."""


def _ignore_directory(path: str) -> None:
    """``disk.fsync: false``."""
