# SPDX-License-Identifier: Apache-2.0
"""Looks at the entries of a data directory without ever failing on one. Blocks."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from entrepot.oci.digests import Digest
from entrepot.oci.errors import RegistryError
from entrepot.storage.filesystem_links import leads_on
from entrepot.storage.oddities import Oddity, OddityKind
from entrepot.storage.steps import open_regular

Parsed = TypeVar("Parsed")

LINK_BYTES = 4096
"""Bytes read of a link; a digest has 135 at most."""

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


@dataclass(frozen=True, slots=True)
class Tree:
    """The directories below ``root``; keys are relative to it. What cannot be read is kept until it is told."""

    root: Path
    _unreadable: list[Oddity] = field(default_factory=list)

    def entries(self, key: str) -> list[os.DirEntry[str]]:
        """The entries of a directory; none where it cannot be read, or is gone."""
        try:
            with os.scandir(f"{self.root}/{key}") as found:
                return list(found)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self._unreadable.append(Oddity("unreadable", key, error.strerror or ""))
            return []

    def drain(self) -> list[Oddity]:
        """What could not be read since the last time."""
        drained = self._unreadable.copy()
        self._unreadable.clear()
        return drained

    def path(self, key: str) -> str:
        """Where a key lies."""
        return f"{self.root}/{key}"

    def find_fault(self, key: str, belongs: Digest | None) -> tuple[OddityKind, str] | None:
        """What is wrong with a link, if anything. ``belongs``: the digest for which it stands, where its place says
        so. What a broken link holds is never repeated: a symlink may lead to anybody's secrets.
        """
        path = self.path(key)
        try:
            descriptor = open_regular(path)
            if descriptor is None:
                return ("broken-link", describe(path)) if os.path.lexists(path) else None
            try:
                content = os.read(descriptor, LINK_BYTES)
            finally:
                os.close(descriptor)
        except OSError as error:
            return "broken-link", f"cannot be read: {error.strerror}"
        if not content.strip():
            return "empty-link", "holds nothing"
        digest = parse(Digest.parse, content.decode("utf-8", "replace").strip())
        if digest is None:
            return "broken-link", "holds no digest"
        if belongs is not None and digest != belongs and digest.algorithm == belongs.algorithm:
            return "broken-link", f"leads to other bytes: {digest}"
        return None


def is_directory(entry: os.DirEntry[str]) -> bool:
    """Whether it is one, or a symlink to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_link_size(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file that could hold a digest and nothing more, or nothing."""
    try:
        return entry.is_file() and entry.stat().st_size <= LINK_BYTES
    except OSError:
        return False


def goes_on(entry: os.DirEntry[str]) -> bool:
    """Whether it is a directory that does not lead back to where it lies."""
    try:
        return leads_on(entry)
    except OSError:
        return False


def describe(path: str) -> str:
    """What lies in the place of a file, in words."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if os.path.islink(path):
            return f"a symlink that leads nowhere: {error.strerror}"
        return f"cannot be looked at: {error.strerror}"
    words = next((words for matches, words in _KINDS if matches(mode)), "no file")
    return f"a symlink to {words}" if os.path.islink(path) else words


def parse(parser: Callable[[str], Parsed], text: str) -> Parsed | None:
    """A checked value, or None."""
    try:
        return parser(text)
    except RegistryError:
        return None
