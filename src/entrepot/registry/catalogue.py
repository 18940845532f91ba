# SPDX-License-Identifier: Apache-2.0
"""Lists: repositories, tags, referrers. Each costs what its page costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from entrepot.index.index import Index
from entrepot.index.lists import Referrer as Referrer  # noqa: PLC0414 - part of what we hand out
from entrepot.index.lists import TagEntry
from entrepot.index.reclaim import Reclaim as Reclaim  # noqa: PLC0414 - as above
from entrepot.index.sight import EVERYTHING, Sight
from entrepot.oci.digests import Digest
from entrepot.oci.errors import ManifestUnknown, NameUnknown
from entrepot.oci.names import Reference, RepositoryName, Tag
from entrepot.registry.adoption import Adoption
from entrepot.storage.ports import Storage

Entry = TypeVar("Entry")

REFERRERS_PAGE = 500
"""Referrers in one answer at most. Annotations make each up to 4 MiB, so the index gives fewer where they are large."""

FOUND_AT_MOST = 10_000
"""Repositories that a search finds; who has more matches asks for more of the name."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Entry]):
    """Entries, and whether there are more behind them."""

    entries: Sequence[Entry]
    more: bool


class Catalogue:
    """What is there."""

    def __init__(self, storage: Storage, index: Index, adoption: Adoption) -> None:
        self._storage = storage
        self._index = index
        self._adoption = adoption

    async def complete(self) -> bool:
        """Whether all that storage holds was adopted."""
        return await self._index.completeness.whole()

    async def repositories(self, last: str, limit: int, sight: Sight = EVERYTHING) -> Page[RepositoryName]:
        """Repositories after ``last`` that ``sight`` shows, in bytewise order; while storage is being adopted, those of
        storage, and of them to whom not all are shown those that were adopted.
        """
        if sight.patterns is not None or await self.complete():
            return _page(await self._index.lists.repositories(last, limit + 1, sight), limit)
        found: list[RepositoryName] = []
        async for name in self._storage.links.repositories(last):
            if len(found) > limit:
                break
            if await self._storage.links.list_revisions(name):
                found.append(name)
        return _page(found, limit)

    async def search(self, term: str, sight: Sight = EVERYTHING) -> Sequence[RepositoryName]:
        """The repositories whose name contains ``term`` in any case, the first :data:`FOUND_AT_MOST` that are shown.

        While storage is being adopted, only of those that were.
        """
        return await self._index.lists.search(term.lower(), FOUND_AT_MOST, sight)

    async def tags(self, name: RepositoryName, last: str, limit: int) -> Page[Tag]:
        """Tags after ``last``, in bytewise order; ``limit`` 0 gives none, -1 all. Raises ``NameUnknown``."""
        await self._adoption.complete(name)
        entries = await self._index.lists.tags(name, last, limit if limit < 0 else limit + 1)
        if not entries and not await self._index.lists.repository_known(name):
            raise NameUnknown({"name": name})
        return _page(entries, limit)

    async def require(self, name: RepositoryName) -> None:
        """Raises ``NameUnknown`` where there is no such repository. All of it is known to the index on return."""
        await self._adoption.complete(name)
        if not await self._index.lists.repository_known(name):
            raise NameUnknown({"name": name})

    async def tag_entries(self, name: RepositoryName, last: str, limit: int) -> Page[TagEntry]:
        """Tags after ``last`` with what they point to and since when. Raises ``NameUnknown``."""
        await self.require(name)
        return _page(await self._index.lists.tag_entries(name, last, limit + 1), limit)

    async def reclaim(self, name: RepositoryName, reference: Reference | None, sight: Sight = EVERYTHING) -> Reclaim:
        """What deleting a tag, a manifest or (None) the repository would take along and give back; at most, where
        ``sight`` is not all repositories.

        Raises ``NameUnknown`` or ``ManifestUnknown``.
        """
        await self._adoption.complete(name)
        reclaims = self._index.reclaims
        if reference is None:
            found = await reclaims.of_repository(name, sight)
        elif isinstance(reference, Digest):
            found = await reclaims.of_manifest(name, reference, sight)
        else:
            found = await reclaims.of_tag(name, reference, sight)
        if found is None:
            raise NameUnknown({"name": name}) if reference is None else ManifestUnknown(f"{reference} is not in {name}")
        return found

    async def referrers(
        self, name: RepositoryName, subject: Digest, artifact_type: str | None, last: str
    ) -> Page[Referrer]:
        """Manifests whose subject is ``subject``, by digest; an empty page in unknown repositories."""
        await self._adoption.complete(name)
        lists = self._index.lists
        entries = await lists.referrers(name, subject, artifact_type, last, REFERRERS_PAGE)
        if not entries:
            return Page(entries, more=False)
        more = await lists.more_referrers(name, subject, artifact_type, entries[-1].manifest.digest)
        return Page(entries, more=more)


def _page(entries: Sequence[Entry], limit: int) -> Page[Entry]:
    if limit < 0:
        return Page(entries, more=False)
    return Page(entries[:limit], more=limit > 0 and len(entries) > limit)
