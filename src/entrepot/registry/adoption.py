# SPDX-License-Identifier: Apache-2.0
"""Brings what storage holds into the index: of a repository somebody asks for at once, of all the others in the
background (``jobs/adopting.py``).

Whoever pulls a name that the index does not know has it looked up in storage; but a list, or what a manifest's removal
takes with it, is right only once all names of the repository are known.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from entrepot.index.changes import ROWS
from entrepot.index.facts import Kind, Name
from entrepot.index.index import Index
from entrepot.oci.names import RepositoryName
from entrepot.registry.names import Names
from entrepot.storage.ports import Storage

Rest = Callable[[], Awaitable[None]]
"""Called after each small step: lets others work."""

REPORT_FIRST = "collector reports first"
"""The key of ``kept`` that stands there after data of another program was adopted: the collector's first round then
only says what it would take.
"""

PAGE = 500
"""Rows read from the index at a time."""

Facts = dict[str, str]
"""What is there of one kind in one repository: a tag or digest, and what it points to."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A name of which index and storage do not say the same: what it points to, or None where it is not there."""

    name: Name
    known: str | None
    stored: str | None


async def take_turns() -> None:
    """The rest of a request: others of this process go first, then on."""
    await asyncio.sleep(0)


class Adoption:
    """Compares index and storage, and repairs each name that differs by reading it in storage under an intent, so that
    changes under way are never contradicted.
    """

    def __init__(self, storage: Storage, index: Index, names: Names) -> None:
        self._storage = storage
        self._index = index
        self._names = names
        self._remembered = False

    async def complete(self, name: RepositoryName, rest: Rest = take_turns) -> None:
        """All that storage holds of this repository is known to the index on return."""
        if await self._index.completeness.of(name):
            return
        known = self._remembered or await self._index.lists.repository_known(name)
        await self.compare(name, rest)
        # what the index knew is ours: a push between the two looks of a comparison is no other program's
        if not known and await self._storage.links.list_revisions(name):
            await self._index.kept.keep(REPORT_FIRST, "1")
            self._remembered = True
        await self._index.completeness.mark(name)

    async def compare(self, name: RepositoryName, rest: Rest) -> int:
        """Repair what differs; returns how many names. Blobs before the manifests that need them, manifests before the
        tags that point to them.
        """
        repaired = 0
        async for kind, known, stored in self._both(name, rest):
            differing = [one.name for one in _differ(kind, known, stored)]
            for position in range(0, len(differing), ROWS):
                await self._names.repair_many(name, differing[position : position + ROWS])
            repaired += len(differing)
        return repaired

    async def differences(self, name: RepositoryName, rest: Rest) -> list[Difference]:
        """What :meth:`compare` would repair; nothing is changed."""
        return [one async for both in self._both(name, rest) for one in _differ(*both)]

    async def _both(self, name: RepositoryName, rest: Rest) -> AsyncIterator[tuple[Kind, Facts, Facts]]:
        """What the index knows and what storage holds, of one kind after the other."""
        layers = await self._layers_stored(name, rest)
        yield "blob", await self._layers_known(name), layers
        revisions = await self._revisions_stored(name, rest)
        yield "manifest", await self._revisions_known(name), revisions
        tags = await self._tags_stored(name, revisions, rest)
        yield "tag", await self._tags_known(name), tags

    async def _layers_known(self, name: RepositoryName) -> Facts:
        return await _read_pages(lambda last: self._index.lists.layers(name, last, PAGE))

    async def _layers_stored(self, name: RepositoryName, rest: Rest) -> Facts:
        facts: Facts = {}
        for digest in await self._storage.links.list_layers(name):
            content = await self._storage.links.read_layer(name, digest)
            if content is not None and await self._storage.blobs.stat(content) is not None:
                facts[digest] = content
            await rest()
        return facts

    async def _revisions_known(self, name: RepositoryName) -> Facts:
        async def read(last: str) -> list[tuple[str, str]]:
            return [(digest, digest) for digest in await self._index.lists.revisions(name, last, PAGE)]

        return await _read_pages(read)

    async def _revisions_stored(self, name: RepositoryName, rest: Rest) -> Facts:
        facts: Facts = {}
        for digest in await self._storage.links.list_revisions(name):
            if await self._storage.blobs.stat(digest) is not None:
                facts[digest] = digest
            await rest()
        return facts

    async def _tags_known(self, name: RepositoryName) -> Facts:
        return await _read_pages(lambda last: self._index.lists.tag_targets(name, last, PAGE))

    async def _tags_stored(self, name: RepositoryName, revisions: Facts, rest: Rest) -> Facts:
        """A tag whose manifest is not there counts as absent, as it does in the index."""
        facts: Facts = {}
        for tag in await self._storage.links.list_tags(name):
            digest = await self._storage.links.read_tag(name, tag)
            if digest is not None and digest in revisions:
                facts[tag] = digest
            await rest()
        return facts


def _differ(kind: Kind, known: Facts, stored: Facts) -> list[Difference]:
    differing = sorted(dict(known.items() ^ stored.items()))
    return [Difference(Name(kind, name), known.get(name), stored.get(name)) for name in differing]


async def _read_pages(read: Callable[[str], Awaitable[Sequence[tuple[str, str]]]]) -> Facts:
    """All rows of a list of the index; ``read`` gives the page behind a name."""
    facts: Facts = {}
    last = ""
    while rows := await read(last):
        facts.update(rows)
        last = rows[-1][0]
    return facts
