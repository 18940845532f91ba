# SPDX-License-Identifier: Apache-2.0
"""Files that survive a power cut: the few primitives on which the filesystem storage stands. All block.

A file gets its name only after its bytes are on the disk, and the name is on the disk before the caller goes on:
write a temporary file, fsync, rename, fsync the directory and each directory that was made for it.
"""

import contextlib
import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from entrepot.oci.errors import StorageFull, Unavailable
from entrepot.storage import layout
from entrepot.storage.steps import NO_FILE, identify, open_regular, remove_empty, write_all

_FULL = {errno.ENOSPC, errno.EDQUOT}


class NotSynced(OSError):
    """The bytes of a file may not be on the disk, ever. The kernel tells that once and takes them for written then: a
    second fsync would succeed with the bytes lost, so they must be sent again.
    """


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the operating system into what a client can be told."""
    try:
        yield
    except OSError as error:
        again = "; upload again then" if isinstance(error, NotSynced) else ""
        if error.errno in _FULL:
            raise StorageFull(f"the disk of the registry is full; space must be freed there{again}") from error
        raise Unavailable(f"the registry's storage cannot be used: {error.strerror}{again}") from error


SETTLED = 20_000
"""Directories of which a process remembers that their entry is on the disk; some 100 bytes each."""


ATTEMPTS = 3
"""To give a file its name, where the directory for it is removed again and again."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """An open file that has all its bytes and waits for its name; they need not be on the disk yet."""

    path: str
    descriptor: int


@dataclass(frozen=True, slots=True)
class Files:
    """Durable files below ``root``. ``sync_file``, ``sync_directory`` and ``sync_ahead`` are ``os.fsync``,
    :func:`sync_directory` and a hint to the kernel, or do nothing where the configuration gives up durability
    (``disk.fsync: false``). ``identity`` is the root's (:func:`identify`) as it was when the server claimed it.
    """

    root: Path
    sync_file: Callable[[int], None]
    sync_directory: Callable[[str], None]
    sync_ahead: Callable[[int, int, int], None]
    identity: tuple[int, int]
    _settled: dict[str, int] = field(init=False, default_factory=dict)

    def require_root(self) -> None:
        """Raises ``Unavailable`` where the root is gone or another directory than at the start (a disk that was
        unmounted: writing on would fill the directory below it, and all would look deleted).

        Asked wherever something is not found, so that a root that vanished never reads as an empty registry.
        """
        try:
            found = identify(self.root)
        except OSError as error:
            raise Unavailable(f"the data directory {self.root} is gone ({error.strerror}); bring it back") from error
        if found != self.identity:
            raise Unavailable(f"the data directory {self.root} is another one than at the start; restart the registry")

    def absolute(self, key: str) -> str:
        """The path of a key of :mod:`entrepot.storage.layout`."""
        return f"{self.root}/{key}"

    def ensure_directory(self, path: str) -> None:
        """Make ``path`` and its parents (never the root itself), durably."""
        stamp = self._last_removal()
        self._settle(stamp, self._make_directory(path, stamp))

    def write(self, key: str, data: bytes) -> None:
        """Give ``data`` the name ``key``, durably; what was there is replaced at once."""
        self.write_in_order([(key, data)])

    def write_in_order(self, contents: Sequence[tuple[str, bytes | Arrived]]) -> None:
        """Give each content its name, in this order; all durable on return. Raises ``NotSynced`` where bytes could not
        be synced: nothing has its name then, and what had arrived must not be offered again.

        Every name is made first, then everything is synced in the same order: a journaling filesystem then commits
        twice for all together, where syncing after each step costs a commit for each directory.
        """
        stamp = self._last_removal()
        with contextlib.ExitStack() as stack:
            arrived: list[Arrived] = []
            chains: list[list[str]] = []
            for key, data in contents:
                ready = data if isinstance(data, Arrived) else stack.enter_context(self._temporary(data))
                arrived.append(ready)
                chains.append(self._make_directory(os.path.dirname(self.absolute(key)), stamp))
            for one in arrived:
                self._sync(one)
            for number, (one, (key, _)) in enumerate(zip(arrived, contents, strict=True)):
                chains[number] = self._rename(one.path, self.absolute(key), chains[number], stamp)
        now = self._last_removal()
        if now != stamp:  # a directory may have been made anew below us, by somebody whose syncs never come
            chains = [self._make_directory(chain[0], now) for chain in chains]
        self._settle(now, *chains)

    def _rename(self, source: str, target: str, chain: list[str], stamp: int) -> list[str]:
        """Returns what to sync: ``chain``, or more where a collector removed the empty directory meanwhile."""
        for _ in range(ATTEMPTS):
            try:
                os.rename(source, target)
            except FileNotFoundError:
                chain = self._make_directory(os.path.dirname(target), stamp)
            else:
                return chain
        os.rename(source, target)
        return chain

    def _sync(self, arrived: Arrived) -> None:
        try:
            self.sync_file(arrived.descriptor)
        except OSError as error:
            raise NotSynced(error.errno, error.strerror) from error

    @contextlib.contextmanager
    def _temporary(self, data: bytes) -> Iterator[Arrived]:
        """A file with ``data``, to be renamed while inside; else it is removed."""
        path = self.absolute(f"{layout.TEMPORARY}/{uuid4().hex}")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileNotFoundError:
            raise self._without_temporary() from None
        try:
            write_all(descriptor, data)
            yield Arrived(path, descriptor)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            raise
        finally:
            os.close(descriptor)

    def _without_temporary(self) -> Unavailable:
        self.require_root()
        return Unavailable(f"the directory {self.absolute(layout.TEMPORARY)} is gone; restart the registry")

    def _make_directory(self, path: str, stamp: int) -> list[str]:
        """Make ``path`` and its parents, never the root; returns what to sync, deepest first, once a name is in it.

        It goes up to a directory whose entry is known to be on the disk, or to the root, whoever made those between:
        that process may have been killed before its syncs, may have failed, or be about to sync only now. Each sync is
        a flush of the disk's cache, also where nothing is to be written; a path is paid for once in a process, and
        again after a removal (``stamp``).
        """
        if len(path) <= len(self.absolute("")):
            self.require_root()
            return [path]
        there = os.path.isdir(path)
        if there and self._settled.get(path) == stamp:
            return [path]
        above = self._make_directory(os.path.dirname(path), stamp)
        if not there:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path)
        return [path, *above]

    def _settle(self, stamp: int, *chains: list[str]) -> None:
        """Sync each directory of ``chains`` once, and remember those whose own entry is on the disk by that.

        What may vanish is not remembered: another process may remove it, and a third make it anew.
        """
        for path in dict.fromkeys(path for chain in chains for path in chain):
            self.sync_directory(path)
        if len(self._settled) > SETTLED:
            self._settled.clear()
        for chain in chains:
            self._settled.update((path, stamp) for path in chain[:-1] if not layout.may_vanish(path))

    def _last_removal(self) -> int:
        """When directories were removed last, by any process; the same number where none were since."""
        try:
            return os.stat(self.absolute(layout.REMOVALS)).st_mtime_ns
        except FileNotFoundError:
            return 0

    def settle(self, key: str) -> bool:
        """Make the file that lies under ``key`` durable, since whoever put it there may not have come so far; False
        where there is none, or where its bytes cannot be synced and must be written anew.
        """
        path = self.absolute(key)
        descriptor = open_regular(path)
        if descriptor is None:
            return False
        try:
            self.sync_file(descriptor)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        stamp = self._last_removal()
        self._settle(stamp, self._make_directory(os.path.dirname(path), stamp))
        return True

    def remove(self, keys: Sequence[str]) -> None:
        """Remove files with the directories that were theirs alone, durably. What is not there is no error."""
        changed: set[str] = set()
        for path in map(self.absolute, keys):
            try:
                os.unlink(path)
            except (FileNotFoundError, NotADirectoryError):
                self.require_root()
            directory = os.path.dirname(path)
            changed.add(os.path.dirname(directory) if remove_empty(directory) else directory)
        for directory in sorted(changed):
            with contextlib.suppress(FileNotFoundError):
                self.sync_directory(directory)

    def remove_empty(self, keys: Sequence[str]) -> None:
        """Remove those of these directories that are empty. Need not survive a power cut: they may come back.

        Every process is told first, since it may believe that they stay.
        """
        descriptor = os.open(self.absolute(layout.REMOVALS), os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            os.utime(descriptor, ns=(time.time_ns(), time.time_ns()))
        finally:
            os.close(descriptor)
        for path in map(self.absolute, keys):
            remove_empty(path)

    def remove_trees(self, keys: Sequence[str]) -> None:
        """Remove tags' directories with all in them, durably. Readers see each gone at once: it first loses its name.

        Only what :func:`layout.may_vanish`: of other directories that were synced a process believes that they stay.
        """
        graves = []
        changed: set[str] = set()
        for path in map(self.absolute, keys):
            grave = self.absolute(f"{layout.TEMPORARY}/{uuid4().hex}")
            try:
                os.rename(path, grave)
            except FileNotFoundError:
                self.require_root()
                if os.path.exists(path):
                    raise self._without_temporary() from None
                continue
            graves.append(grave)
            changed.add(os.path.dirname(path))
        for directory in sorted(changed):
            self.sync_directory(directory)
        for grave in graves:
            shutil.rmtree(grave, ignore_errors=True)

    def read(self, key: str) -> bytes | None:
        """A small file, or None where there is none."""
        descriptor = self.open(key)
        if descriptor is None:
            return None
        try:
            return os.read(descriptor, 1 << 16)
        finally:
            os.close(descriptor)

    def size(self, key: str) -> int | None:
        """Bytes of a file; None where there is none."""
        try:
            found = os.stat(self.absolute(key))
        except OSError as error:
            if error.errno not in NO_FILE:
                raise
            self.require_root()
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def open(self, key: str) -> int | None:
        """A descriptor to read a file, which the caller closes; None where there is none."""
        descriptor = open_regular(self.absolute(key))
        if descriptor is None:
            self.require_root()
        return descriptor
