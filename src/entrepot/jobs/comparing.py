# SPDX-License-Identifier: Apache-2.0
"""Compares the index with storage after a start, in the background.

While no process of ours held the data, registry:2 may have pushed, moved and deleted, or a collector may have run; and
a crash between the link of a blob and its row leaves the row missing. Each difference is repaired by reading the name
in storage under an intent, so changes under way are never contradicted.
"""

import asyncio
import time
from dataclasses import dataclass

from entrepot.index.facts import Kind, Name
from entrepot.index.index import Index
from entrepot.oci.errors import RegistryError
from entrepot.oci.names import RepositoryName
from entrepot.registry.names import Names
from entrepot.storage.ports import Storage
from entrepot.telemetry.logs import Logger

PAGE = 500
"""Rows read from the index at a time."""

WORK_SECONDS = 0.004
PAUSE_SECONDS = 0.016
"""A fifth of one core, and the disk free in between: requests must not suffer."""

RETRY_SECONDS = 30.0
"""Until the next attempt where storage or index could not be read."""

Facts = dict[str, str]
"""What is there of one kind in one repository: a tag or digest, and what it points to."""


@dataclass(slots=True)
class Comparison:
    """What was found so far."""

    repositories: int = 0
    repaired: int = 0


class Pace:
    """Rests after each slice of work."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    async def rest(self) -> None:
        """Call after each small step; sleeps where it is time to."""
        if time.monotonic() - self._since >= WORK_SECONDS:
            await asyncio.sleep(PAUSE_SECONDS)
            self._since = time.monotonic()


class Comparing:
    """One comparison of everything."""

    def __init__(self, storage: Storage, index: Index, names: Names) -> None:
        self._storage = storage
        self._index = index
        self._names = names
        self._pace = Pace()
        self.found = Comparison()

    async def run(self) -> Comparison:
        """First what the index knows, so that what is gone from storage goes from it, then what it does not know."""
        last = ""
        while known := await self._index.lists.known_repositories(last, PAGE):
            for name in known:
                await self._compare(name)
            last = known[-1]
        async for name in self._storage.links.repositories():
            if not await self._index.lists.repository_known(name):
                await self._compare(name)
            await self._pace.rest()
        return self.found

    async def _compare(self, name: RepositoryName) -> None:
        """Blobs before the manifests that need them, manifests before the tags that point to them."""
        self.found.repositories += 1
        await self._repair(name, "blob", await self._layers_known(name), await self._layers_stored(name))
        revisions = await self._revisions_stored(name)
        await self._repair(name, "manifest", await self._revisions_known(name), revisions)
        await self._repair(name, "tag", await self._tags_known(name), await self._tags_stored(name, revisions))

    async def _repair(self, repository: RepositoryName, kind: Kind, known: Facts, stored: Facts) -> None:
        for name in sorted(dict(known.items() ^ stored.items())):
            await self._names.repair(repository, (Name(kind, name),))
            self.found.repaired += 1
            await self._pace.rest()

    async def _layers_known(self, name: RepositoryName) -> Facts:
        facts: Facts = {}
        last = ""
        while rows := await self._index.lists.layers(name, last, PAGE):
            facts.update(rows)
            last = rows[-1][0]
            await self._pace.rest()
        return facts

    async def _layers_stored(self, name: RepositoryName) -> Facts:
        facts: Facts = {}
        for digest in await self._storage.links.list_layers(name):
            content = await self._storage.links.read_layer(name, digest)
            if content is not None and await self._storage.blobs.stat(content) is not None:
                facts[digest] = content
            await self._pace.rest()
        return facts

    async def _revisions_known(self, name: RepositoryName) -> Facts:
        facts: Facts = {}
        last = ""
        while rows := await self._index.lists.revisions(name, last, PAGE):
            facts.update((digest, digest) for digest in rows)
            last = rows[-1]
            await self._pace.rest()
        return facts

    async def _revisions_stored(self, name: RepositoryName) -> Facts:
        facts: Facts = {}
        for digest in await self._storage.links.list_revisions(name):
            if await self._storage.blobs.stat(digest) is not None:
                facts[digest] = digest
            await self._pace.rest()
        return facts

    async def _tags_known(self, name: RepositoryName) -> Facts:
        facts: Facts = {}
        last = ""
        while rows := await self._index.lists.tag_targets(name, last, PAGE):
            facts.update(rows)
            last = rows[-1][0]
            await self._pace.rest()
        return facts

    async def _tags_stored(self, name: RepositoryName, revisions: Facts) -> Facts:
        """A tag whose manifest is not there counts as absent, as it does in the index."""
        facts: Facts = {}
        for tag in await self._storage.links.list_tags(name):
            digest = await self._storage.links.read_tag(name, tag)
            if digest is not None and digest in revisions:
                facts[tag] = digest
            await self._pace.rest()
        return facts


async def compare_once(storage: Storage, index: Index, names: Names, log: Logger) -> None:
    """Until one comparison came to its end; tried again where storage or index fail in the middle."""
    while True:
        comparing = Comparing(storage, index, names)
        try:
            found = await comparing.run()
        except (RegistryError, OSError) as error:
            detail = str(error.detail) if isinstance(error, RegistryError) else str(error)
            log.warning("the index could not be compared with storage; trying again", detail=detail)
            await asyncio.sleep(RETRY_SECONDS)
        else:
            log.info("compared the index with storage", repositories=found.repositories, repaired=found.repaired)
            return
