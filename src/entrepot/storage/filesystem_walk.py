# SPDX-License-Identifier: Apache-2.0
"""Walks a data directory as it lies there, whatever is in it. Blocks.

Whoever serves passes over what is odd; here each odd entry is told. No entry raises, only links are opened, and
symlinks that lead back are not followed.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from entrepot.oci.digests import HEX_LENGTHS, Digest
from entrepot.oci.errors import RegistryError
from entrepot.oci.names import MAX_NAME, RepositoryName
from entrepot.storage import layout
from entrepot.storage.claim import is_served
from entrepot.storage.filesystem_entries import Tree, describe, goes_on, is_directory, parse
from entrepot.storage.filesystem_repository_walk import PARTS, RepositoryWalk
from entrepot.storage.oddities import Oddity
from entrepot.storage.ports import StoredBlob

ABOVE = (
    ("", frozenset({"docker", layout.OWN, "scheduler-state.json", "lost+found"})),
    ("docker", frozenset({"registry"})),
    ("docker/registry", frozenset({"v2"})),
    (layout.V2, frozenset({"blobs", "repositories"})),
)
"""What may lie in each directory above blobs and repositories; registry:2 as a mirror writes its state to the root."""

HOLDING = frozenset({"_manifests", "_layers"})
"""Either makes a directory a repository."""


def walk_repositories(root: Path) -> Iterator[RepositoryName]:
    """Those that hold something."""
    for prefix, entries in _repository_directories(Tree(root)):
        name = parse(RepositoryName.parse, prefix)
        if name is not None and any(entry.name in HOLDING for entry in entries):
            yield name


def walk_blobs(root: Path) -> Iterator[StoredBlob]:
    """All whose place and name agree."""
    tree = Tree(root)
    for digest, key in _blob_directories(tree):
        try:
            found = os.stat(tree.path(f"{key}/data"))
        except OSError:
            continue
        if key == layout.blob_directory(digest) and stat.S_ISREG(found.st_mode):
            yield StoredBlob(digest, found.st_size)


def walk_oddities(root: Path) -> Iterator[Oddity]:
    """All that is not as the layout has it."""
    tree = Tree(root)
    for walk in (_above, _odd_blobs, _odd_repositories, _own):
        for oddity in walk(tree):
            yield oddity
            yield from tree.drain()
        yield from tree.drain()


def _above(tree: Tree) -> Iterator[Oddity]:
    for key, known in ABOVE:
        for entry in tree.entries(key):
            if entry.name not in known:
                yield Oddity("stray", f"{key}/{entry.name}".removeprefix("/"))


def _blob_directories(tree: Tree) -> Iterator[tuple[Digest, str]]:
    for algorithm in HEX_LENGTHS:
        for prefix in filter(is_directory, tree.entries(f"{layout.BLOBS}/{algorithm}")):
            key = f"{layout.BLOBS}/{algorithm}/{prefix.name}"
            for entry in filter(is_directory, tree.entries(key)):
                digest = parse(Digest.parse, f"{algorithm}:{entry.name}")
                if digest is not None:
                    yield digest, f"{key}/{entry.name}"


def _odd_blobs(tree: Tree) -> Iterator[Oddity]:
    for algorithm in tree.entries(layout.BLOBS):
        base = f"{layout.BLOBS}/{algorithm.name}"
        if algorithm.name not in HEX_LENGTHS or not is_directory(algorithm):
            yield Oddity("stray", base)
            continue
        for prefix in tree.entries(base):
            if not is_directory(prefix):
                yield Oddity("stray", f"{base}/{prefix.name}")
                continue
            for entry in tree.entries(f"{base}/{prefix.name}"):
                key = f"{base}/{prefix.name}/{entry.name}"
                digest = parse(Digest.parse, f"{algorithm.name}:{entry.name}")
                if digest is None or not is_directory(entry):
                    yield Oddity("stray", key)
                else:
                    yield from _odd_blob(tree, digest, key)


def _odd_blob(tree: Tree, digest: Digest, key: str) -> Iterator[Oddity]:
    if key != layout.blob_directory(digest):
        yield Oddity("misplaced-blob", key, f"belongs to {layout.blob_directory(digest)}", digest=digest)
        return
    names = {entry.name for entry in tree.entries(key)}
    for name in names - {"data"}:
        yield Oddity("stray", f"{key}/{name}")
    data = tree.path(f"{key}/data")
    if not os.path.lexists(data):
        if os.path.lexists(tree.path(key)):
            yield Oddity("blob-without-data", key, digest=digest)
    elif not os.path.isfile(data):
        yield Oddity("broken-blob", f"{key}/data", describe(data), digest=digest)


def _repository_directories(tree: Tree) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        entries = tree.entries(_key(prefix))
        yield prefix, entries
        for entry in entries:
            deeper = _deeper(prefix, entry)
            if not entry.name.startswith("_") and len(deeper) <= MAX_NAME and goes_on(entry):
                waiting.append(deeper)


def _odd_repositories(tree: Tree) -> Iterator[Oddity]:
    for prefix, entries in _repository_directories(tree):
        yield from _odd_name(prefix, entries)
        name = parse(RepositoryName.parse, prefix)
        for entry in entries:
            if prefix and entry.name in PARTS and is_directory(entry):
                if name is not None:
                    yield from RepositoryWalk(tree, name).part(entry.name)
            else:
                yield from _odd_entry(prefix, entry)


def _odd_entry(prefix: str, entry: os.DirEntry[str]) -> Iterator[Oddity]:
    key = f"{_key(prefix)}/{entry.name}"
    if entry.name.startswith("_") or not is_directory(entry):
        yield Oddity("stray", key)
    elif len(_deeper(prefix, entry)) > MAX_NAME:
        yield Oddity("stray", key, "longer than the name of a repository can be; not looked into")
    elif not goes_on(entry):
        yield Oddity("stray", key, "a symlink to where it lies; not looked into")


def _odd_name(prefix: str, entries: list[os.DirEntry[str]]) -> Iterator[Oddity]:
    if not prefix:
        return
    try:
        RepositoryName.parse(prefix)
    except RegistryError as error:
        if any(entry.name in PARTS for entry in entries):
            yield Oddity("old-name", _key(prefix), str(error.detail))
        elif not entries:
            yield Oddity("stray", _key(prefix), "an empty directory")


def _own(tree: Tree) -> Iterator[Oddity]:
    for algorithm in tree.entries(layout.QUARANTINE):
        for entry in tree.entries(f"{layout.QUARANTINE}/{algorithm.name}"):
            yield Oddity("quarantined", f"{layout.QUARANTINE}/{algorithm.name}/{entry.name}")
    if not is_served(tree.root):
        for entry in tree.entries(layout.TEMPORARY):
            yield Oddity("temporary", f"{layout.TEMPORARY}/{entry.name}")


def _key(prefix: str) -> str:
    return f"{layout.REPOSITORIES}/{prefix}" if prefix else layout.REPOSITORIES


def _deeper(prefix: str, entry: os.DirEntry[str]) -> str:
    return f"{prefix}/{entry.name}" if prefix else entry.name
