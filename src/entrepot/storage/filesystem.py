# SPDX-License-Identifier: Apache-2.0
"""Opens a claimed data directory as storage."""

import contextlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from entrepot.storage.claim import Identity
from entrepot.storage.digest_locks import FilesystemDigestLocks
from entrepot.storage.files import Files
from entrepot.storage.filesystem_blobs import FilesystemBlobs, FilesystemHealth
from entrepot.storage.filesystem_links import FilesystemLinks
from entrepot.storage.filesystem_survey import FilesystemSurvey
from entrepot.storage.filesystem_uploads import FilesystemUploads
from entrepot.storage.filesystem_writer import Workshop
from entrepot.storage.hashing import RunningDigests, read_boot_id
from entrepot.storage.hints import sync_ahead
from entrepot.storage.ports import Storage
from entrepot.storage.settings import DiskSettings, FilesystemSettings
from entrepot.storage.steps import sync_directory

REREADING = 2
"""Threads that read uploads again whose digest is of an algorithm nobody announced: a second for each GiB, or more."""


@contextlib.contextmanager
def open_filesystem(settings: FilesystemSettings, disk: DiskSettings, identity: Identity) -> Iterator[Storage]:
    """The storage in ``settings.rootdirectory``, which was claimed with this ``identity``.

    Raises ``Unavailable`` where that is gone, or another one than was claimed before this process was forked: a worker
    on it would find an empty registry, or a strange one.
    """
    sync_file = os.fsync if disk.fsync else _ignore_file
    sync_names = sync_directory if disk.fsync else _ignore_directory
    ahead = sync_ahead if disk.fsync else _ignore_range
    files = Files(settings.rootdirectory, sync_file, sync_names, ahead, identity)
    files.require_root()
    health = FilesystemHealth(files, disk.reserve)
    threads = max(2, settings.maxthreads // 4)
    with (
        ThreadPoolExecutor(min(threads, 4), "hash", _yield_to_requests) as writing,
        ThreadPoolExecutor(REREADING, "reread", _yield_to_requests) as rereading,
        ThreadPoolExecutor(min(threads, 16), "fsync") as syncing,
    ):
        links = FilesystemLinks(files, syncing)
        shop = Workshop(files, health, writing, rereading, syncing, RunningDigests(), read_boot_id())
        blobs, uploads = FilesystemBlobs(files, syncing), FilesystemUploads(shop, links)
        locks, survey = FilesystemDigestLocks(files), FilesystemSurvey(files, syncing)
        yield Storage(blobs, links, uploads, health, locks, survey)


def _yield_to_requests() -> None:
    """Threads that hash and write large bodies come after those that answer: requests of microseconds wait less."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _ignore_file(descriptor: int) -> None:
    """``disk.fsync: false``."""


def _ignore_directory(path: str) -> None:
    """``disk.fsync: false``."""


def _ignore_range(descriptor: int, start: int, end: int) -> None:
    """``disk.fsync: false``."""
