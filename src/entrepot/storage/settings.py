# SPDX-License-Identifier: Apache-2.0
"""Settings of storage: the driver (``storage.filesystem``, ``storage.inmemory``) and our own section ``disk``."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FilesystemSettings:
    """``storage.filesystem``. ``maxthreads`` bounds the threads that wait for the disk."""

    rootdirectory: Path
    maxthreads: int = 100


@dataclass(frozen=True, slots=True)
class InMemorySettings:
    """``storage.inmemory``: everything is lost on exit; one worker."""


@dataclass(frozen=True, slots=True)
class DiskSettings:
    """``disk`` (ours, top level): ``reserve`` bytes are kept free; without ``fsync`` a power cut may lose pushes."""

    reserve: int = 256 * 1024 * 1024
    fsync: bool = True


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """All that this room is told."""

    driver: FilesystemSettings | InMemorySettings
    disk: DiskSettings = DiskSettings()
