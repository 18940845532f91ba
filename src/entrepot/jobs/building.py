# SPDX-License-Identifier: Apache-2.0
"""Builds the index from storage, before the server listens."""

from collections.abc import Callable
from dataclasses import dataclass

from entrepot.index.facts import TagTruth, Truth
from entrepot.index.index import Index
from entrepot.oci.names import RepositoryName
from entrepot.registry.truths import read_blob, read_manifest
from entrepot.storage.ports import Storage

COMPLETE = "complete"
"""Kept under this key once every repository was read."""


@dataclass(slots=True)
class Progress:
    """What was found so far."""

    repositories: int = 0
    manifests: int = 0
    tags: int = 0
    blobs: int = 0


def is_complete(index: Index) -> bool:
    """Whether the index was built to the end, or began with empty storage."""
    return index.kept.get(COMPLETE) is not None


async def build_index(storage: Storage, index: Index, report: Callable[[Progress], None]) -> Progress:
    """Read everything; ``report`` is called after each repository. Killed in the middle, it begins again."""
    progress = Progress()
    async for name in storage.links.repositories():
        await _read_repository(storage, index, name, progress)
        progress.repositories += 1
        report(progress)
    index.kept.set(COMPLETE, "1")
    return progress


async def _read_repository(storage: Storage, index: Index, name: RepositoryName, progress: Progress) -> None:
    truths: list[Truth] = []
    for digest in await storage.links.list_layers(name):
        blob = await read_blob(storage, name, digest)
        if blob.held is not None:
            truths.append(blob)
            progress.blobs += 1
    readable = set()
    for digest in await storage.links.list_revisions(name):
        manifest = await read_manifest(storage, name, digest)
        if manifest.facts is not None:
            truths.append(manifest)
            readable.add(digest)
            progress.manifests += 1
    for tag in await storage.links.list_tags(name):
        pointed = await storage.links.read_tag(name, tag)
        if pointed in readable:
            truths.append(TagTruth(tag, pointed))
            progress.tags += 1
    await index.changes.record(name, truths)
