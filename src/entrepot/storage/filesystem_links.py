# SPDX-License-Identifier: Apache-2.0
"""Links on a filesystem: small files that hold a digest."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from functools import partial
from heapq import heappop, heappush
from typing import TypeVar

from entrepot.oci.digests import HEX_LENGTHS, Digest
from entrepot.oci.errors import RegistryError
from entrepot.oci.names import MAX_NAME, RepositoryName, Tag
from entrepot.storage import layout
from entrepot.storage.files import Files, translated
from entrepot.storage.threads import finish

_BEHIND_SLASH = chr(ord("/") + 1)
_TANGLED = {errno.ELOOP, errno.ENAMETOOLONG}

Parsed = TypeVar("Parsed")


class FilesystemLinks:
    """The ``Links`` contract. Reads of one link take microseconds and stay on the loop; the rest goes to ``pool``."""

    def __init__(self, files: Files, pool: Executor) -> None:
        self._files = files
        self._pool = pool

    async def read_tag(self, name: RepositoryName, tag: Tag) -> Digest | None:
        return self._read(layout.tag_current(name, tag))

    async def remove_tags(self, name: RepositoryName, tags: Sequence[Tag]) -> None:
        keys = [layout.tag_directory(name, tag) for tag in tags]
        await self._run(lambda: self._files.remove_trees(keys))

    async def has_revision(self, name: RepositoryName, digest: Digest) -> bool:
        return self._read(layout.revision_link(name, digest)) is not None

    async def write_manifest(self, name: RepositoryName, digest: Digest, payload: bytes, tags: tuple[Tag, ...]) -> None:
        link = digest.encode()
        contents = [(layout.blob_data(digest), payload), (layout.revision_link(name, digest), link)]
        contents += [(layout.tag_history(name, tag, digest), link) for tag in tags]
        contents += [(layout.tag_current(name, tag), link) for tag in tags]
        await self._run(lambda: self._files.write_in_order(contents))

    async def remove_revisions(self, name: RepositoryName, digests: Sequence[Digest]) -> None:
        keys = [layout.revision_link(name, digest) for digest in digests]
        await self._run(lambda: self._files.remove(keys))

    async def read_layer(self, name: RepositoryName, digest: Digest) -> Digest | None:
        content = self._read(layout.layer_link(name, digest))
        return None if content is None or layout.is_foreign(digest, content) else content

    async def write_layer(self, name: RepositoryName, digest: Digest) -> None:
        await self._write(layout.layer_link(name, digest), digest)

    async def remove_layers(self, name: RepositoryName, digests: Sequence[Digest]) -> None:
        keys = [layout.layer_link(name, digest) for digest in digests]
        await self._run(lambda: self._files.remove(keys))

    async def remove_skeleton(self, name: RepositoryName) -> None:
        await self._run(lambda: self._files.remove_empty(layout.skeleton(name)))

    async def repositories(self, after: str = "") -> AsyncIterator[RepositoryName]:
        async for name, entries in self._walk(after):
            if name > after and ("_manifests" in entries or "_layers" in entries):
                yield name

    async def repositories_with_uploads(self) -> AsyncIterator[RepositoryName]:
        """Repositories in which uploads began, whether or not they hold anything."""
        async for name, entries in self._walk(""):
            if "_uploads" in entries:
                yield name

    async def _walk(self, after: str) -> AsyncIterator[tuple[RepositoryName, list[str]]]:
        """In bytewise order of names, where ``a-b`` stands between ``a`` and ``a/b``: the smallest of all that wait.
        A directory whose every name comes before ``after`` is not entered.
        """
        waiting = [""]
        while waiting:
            prefix = heappop(waiting)
            if prefix and f"{prefix}{_BEHIND_SLASH}" <= after:
                continue
            entries = await self._run(partial(self._entries, f"{layout.REPOSITORIES}/{prefix}"))
            name = _parsed(RepositoryName.parse, prefix)
            if name is not None:
                yield name, entries
            nested = (f"{prefix}/{entry}" if prefix else entry for entry in entries if not entry.startswith("_"))
            for deeper in nested:
                if len(deeper) <= MAX_NAME:  # symlinks in a circle may lead on and on
                    heappush(waiting, deeper)

    async def list_tags(self, name: RepositoryName) -> list[Tag]:
        entries = await self._run(lambda: self._entries(layout.tags(name)))
        return sorted(tag for entry in entries if (tag := _parsed(Tag.parse, entry)) is not None)

    async def list_revisions(self, name: RepositoryName) -> list[Digest]:
        return await self._run(lambda: self._digests(layout.revisions(name)))

    async def list_layers(self, name: RepositoryName) -> list[Digest]:
        return await self._run(lambda: self._digests(layout.layers(name)))

    def _read(self, key: str) -> Digest | None:
        with translated():
            content = self._files.read(key)
        return None if content is None else _parsed(Digest.parse, content.decode("utf-8", "replace").strip())

    async def _write(self, key: str, digest: Digest) -> None:
        def write() -> None:  # a link that is there may be another process's, whose syncs are under way or never came
            if self._read(key) != digest or not self._files.settle(key):
                self._files.write(key, digest.encode())

        await self._run(write)

    async def _run(self, work: Callable[[], Parsed]) -> Parsed:
        def guarded() -> Parsed:
            with translated():
                return work()

        # cancelled or not, whoever reads storage next must see what the thread did
        return await finish(asyncio.get_running_loop().run_in_executor(self._pool, guarded))

    def _entries(self, key: str) -> list[str]:
        try:
            with os.scandir(self._files.absolute(key)) as entries:
                return [entry.name for entry in entries if leads_on(entry)]
        except (FileNotFoundError, NotADirectoryError):
            self._files.require_root()
            return []
        except OSError as error:
            if error.errno in _TANGLED:
                return []
            raise

    def _digests(self, key: str) -> list[Digest]:
        found = []
        for algorithm in HEX_LENGTHS:
            for entry in self._entries(f"{key}/{algorithm}"):
                digest = _parsed(Digest.parse, f"{algorithm}:{entry}")
                if digest is not None and os.path.isfile(self._files.absolute(f"{key}/{algorithm}/{entry}/link")):
                    found.append(digest)
        return sorted(found)


def leads_on(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a directory to look into. A symlink to one is, unless that lies on the way to it: walking on
    there would come back here.
    """
    try:
        if not entry.is_dir():
            return False
    except OSError as error:
        if error.errno in _TANGLED:
            return False
        raise
    return not (entry.is_symlink() and _leads_back(entry.path))


def _leads_back(path: str) -> bool:
    """Whether a symlink leads to one of the directories in which it lies, by the way it was reached, or above one."""
    target = os.path.join(os.path.realpath(path), "")
    way = os.path.dirname(path)
    while way not in {"", "/"}:
        if os.path.join(os.path.realpath(way), "").startswith(target):
            return True
        way = os.path.dirname(way)
    return False


def _parsed(parse: Callable[[str], Parsed], text: str) -> Parsed | None:
    try:
        return parse(text)
    except RegistryError:
        return None
