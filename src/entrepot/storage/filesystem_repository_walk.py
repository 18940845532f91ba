# SPDX-License-Identifier: Apache-2.0
"""What is odd in one repository's own directories. Blocks."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from entrepot.oci.digests import HEX_LENGTHS, Digest
from entrepot.oci.errors import RegistryError
from entrepot.oci.names import RepositoryName, Tag
from entrepot.storage import layout
from entrepot.storage.filesystem_entries import Tree, is_directory, is_link_size, parse
from entrepot.storage.filesystem_uploads import started_at
from entrepot.storage.oddities import Oddity

PARTS = frozenset({"_layers", "_manifests", "_uploads"})
"""The directories of a repository."""

SIGNATURES = "signatures"
"""Beside a manifest's link: what registry:2 kept of schema 1 images."""


@dataclass(frozen=True, slots=True)
class RepositoryWalk:
    """The directories of ``name``."""

    tree: Tree
    name: RepositoryName

    def part(self, part: str) -> Iterator[Oddity]:
        """What is odd in one of :data:`PARTS`."""
        if part == "_layers":
            yield from self._links(layout.layers(self.name), is_manifest=False)
        elif part == "_uploads":
            yield from self._uploads()
        else:
            yield from self._manifests()

    def _manifests(self) -> Iterator[Oddity]:
        key = f"{layout.repository(self.name)}/_manifests"
        for entry in self.tree.entries(key):
            if entry.name == "revisions" and is_directory(entry):
                yield from self._links(layout.revisions(self.name), is_manifest=True)
            elif entry.name == "tags" and is_directory(entry):
                yield from self._tags()
            else:
                yield self._stray(f"{key}/{entry.name}")

    def _links(self, key: str, *, is_manifest: bool) -> Iterator[Oddity]:
        for algorithm in self.tree.entries(key):
            place = f"{key}/{algorithm.name}"
            if algorithm.name not in HEX_LENGTHS or not is_directory(algorithm):
                yield self._stray(place)
                continue
            for entry in self.tree.entries(place):
                digest = parse(Digest.parse, f"{algorithm.name}:{entry.name}")
                if digest is None or not is_directory(entry):
                    yield self._stray(f"{place}/{entry.name}")
                else:
                    yield from self._link_directory(f"{place}/{entry.name}", digest, is_manifest=is_manifest)

    def _link_directory(self, key: str, digest: Digest, *, is_manifest: bool) -> Iterator[Oddity]:
        for entry in self.tree.entries(key):
            place = f"{key}/{entry.name}"
            if entry.name == "link":
                fault = self.tree.find_fault(place, digest)
                if fault is not None:
                    kind, words = fault
                    yield Oddity(kind, place, words, self.name, digest=digest, is_manifest=is_manifest)
            elif entry.name != SIGNATURES:
                yield self._stray(place)

    def _tags(self) -> Iterator[Oddity]:
        key = layout.tags(self.name)
        for entry in self.tree.entries(key):
            place = f"{key}/{entry.name}"
            if not is_directory(entry):
                yield self._stray(place)
                continue
            try:
                tag = Tag.parse(entry.name)
            except RegistryError as error:
                yield Oddity("old-name", place, str(error.detail), self.name)
            else:
                yield from self._tag(tag)

    def _tag(self, tag: Tag) -> Iterator[Oddity]:
        """Of its history nothing is asked: nobody reads it."""
        key = layout.tag_directory(self.name, tag)
        for entry in self.tree.entries(key):
            if entry.name not in {"current", "index"} or not is_directory(entry):
                yield self._stray(f"{key}/{entry.name}")
        for entry in self.tree.entries(f"{key}/current"):
            if entry.name != "link":
                yield self._stray(f"{key}/current/{entry.name}")
        link = layout.tag_current(self.name, tag)
        if not os.path.lexists(self.tree.path(link)):
            if os.path.lexists(self.tree.path(key)):
                words = "" if self._only_links(key) else "; it holds other things and is left alone"
                yield Oddity("remains", key, f"a tag without its link{words}", self.name, None if words else tag)
            return
        fault = self.tree.find_fault(link, None)
        if fault is not None:
            kind, words = fault
            yield Oddity(kind, link, words, self.name, tag)

    def _only_links(self, key: str) -> bool:
        """Whether nothing lies there but directories and links: then it may go with all in it."""
        for entry in self.tree.entries(key):
            if entry.is_dir(follow_symlinks=False):
                if not self._only_links(f"{key}/{entry.name}"):
                    return False
            elif entry.name != "link" or entry.is_symlink() or not is_link_size(entry):
                return False
        return True

    def _uploads(self) -> Iterator[Oddity]:
        key = layout.uploads(self.name)
        for entry in self.tree.entries(key):
            place = f"{key}/{entry.name}"
            if is_directory(entry) and _is_uuid(entry.name):
                yield Oddity("upload", place, self._describe_upload(place), self.name)
            else:
                yield self._stray(place)

    def _describe_upload(self, key: str) -> str:
        try:
            size = os.stat(self.tree.path(f"{key}/data")).st_size
            began = started_at(self.tree.path(key))
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        hours = (datetime.now(UTC) - began).total_seconds() / 3600
        return f"{size} bytes, begun {max(hours, 0):.1f} hours ago"

    def _stray(self, key: str) -> Oddity:
        return Oddity("stray", key, repository=self.name)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
