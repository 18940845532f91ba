# SPDX-License-Identifier: Apache-2.0
"""Manifests that died and can be restored until they are due (design "When a manifest dies").

Those left without tag, index or subject stay linked in storage, ``hidden``: listed nowhere, answered by digest. Those
that somebody removed by digest have no link any more; their facts stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import bindparam, delete, exists, false, select, true, update

from entrepot.index.deeds import Deed, TagMove
from entrepot.index.engine import Engine, Transaction
from entrepot.index.facts import ManifestTruth, Truth
from entrepot.index.kinship import Kinship
from entrepot.index.schema import MANIFESTS, REPOSITORIES, REVISIONS, TAGS, TRASH
from entrepot.index.statements import Row, Statement, Value, insert_replacing
from entrepot.oci.callers import THE_REGISTRY
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag

BATCH = 200
"""Untagged manifests that are looked at in one transaction."""

EVERY = 1 << 62
"""More than there are; PostgreSQL knows no limit below zero."""


@dataclass(frozen=True, slots=True)
class Trashed:
    """A manifest in the trash. Times are Unix seconds. ``linked``: its link is still in storage."""

    repository: RepositoryName
    digest: Digest
    trashed_at: float
    due_at: float
    actor: str
    linked: bool

    @property
    def purged(self) -> bool:
        """Whether it waits for the collector alone, and cannot be restored."""
        return self.due_at <= self.trashed_at


class Trash:
    """What goes into the trash, comes back and expires. Methods with a transaction are part of a change's."""

    def __init__(self, engine: Engine, kinship: Kinship) -> None:
        self._engine = engine
        self._kinship = kinship
        dialect = engine.dialect
        here = (REVISIONS.c.repository_id == bindparam("here"), REVISIONS.c.digest == bindparam("of"))
        one = (TRASH.c.repository == bindparam("repository"), TRASH.c.digest == bindparam("of"))
        self._expire = Statement.compile(delete(TRASH).where(*one, TRASH.c.due_at == bindparam("due")), dialect)
        columns = [TRASH.c[key] for key in ("repository", "digest", "trashed_at", "due_at", "actor", "linked")]
        known = exists().where(MANIFESTS.c.digest == TRASH.c.digest)
        self._put = Statement.compile(insert_replacing(TRASH, ("repository", "digest")), dialect)
        self._drop = Statement.compile(delete(TRASH).where(*one), dialect)
        self._get = Statement.compile(select(*columns).where(*one), dialect)
        self._hide = Statement.compile(update(REVISIONS).where(*here).values(hidden=true()), dialect)
        self._show = Statement.compile(update(REVISIONS).where(*here).values(hidden=false()), dialect)
        self._page = Statement.compile(
            select(*columns)
            .where(
                TRASH.c.repository == bindparam("repository"),
                TRASH.c.digest > bindparam("last"),
                TRASH.c.due_at > TRASH.c.trashed_at,
                known,
            )
            .order_by(TRASH.c.digest)
            .limit(bindparam("limit")),
            dialect,
        )
        self._due = Statement.compile(
            select(*columns)
            .where(TRASH.c.due_at <= bindparam("now"))
            .order_by(TRASH.c.due_at)
            .limit(bindparam("limit")),
            dialect,
        )
        self._untagged = Statement.compile(
            select(REVISIONS.c.repository_id, REVISIONS.c.digest)
            .where(
                REPOSITORIES.c.name == bindparam("repository"),
                REVISIONS.c.repository_id == REPOSITORIES.c.id,
                REVISIONS.c.hidden == false(),
                REVISIONS.c.digest > bindparam("last"),
                REVISIONS.c.pushed_at <= bindparam("before"),
                # naming a column: for "SELECT *" SQLite reads all tags of the repository instead of the index
                ~exists(TAGS.c.digest).where(
                    TAGS.c.repository_id == REVISIONS.c.repository_id, TAGS.c.digest == REVISIONS.c.digest
                ),
                exists().where(MANIFESTS.c.digest == REVISIONS.c.digest),
            )
            .order_by(REVISIONS.c.digest)
            .limit(bindparam("limit")),
            dialect,
        )
        self._hidden_in = Statement.compile(
            select(REVISIONS.c.digest).where(
                REPOSITORIES.c.name == bindparam("repository"),
                REVISIONS.c.repository_id == REPOSITORIES.c.id,
                REVISIONS.c.digest == bindparam("of"),
                REVISIONS.c.hidden == true(),
            ),
            dialect,
        )

    async def get(self, repository: RepositoryName, digest: Digest) -> Trashed | None:
        """The entry of one manifest."""
        rows = await self._engine.read(self._get, {"repository": repository, "of": digest})
        return _trashed(rows[0]) if rows else None

    async def page(self, repository: RepositoryName, last: str, limit: int) -> list[Trashed]:
        """What is in the trash of a repository, by digest, after ``last``."""
        rows = await self._engine.read(self._page, {"repository": repository, "last": last, "limit": limit})
        return [_trashed(row) for row in rows]

    async def due(self, now: float, limit: int) -> list[Trashed]:
        """What has been kept long enough, the oldest first."""
        return [_trashed(row) for row in await self._engine.read(self._due, {"now": now, "limit": limit})]

    async def is_hidden(self, repository: RepositoryName, digest: Digest) -> bool:
        """Whether the manifest is in the trash with its link."""
        return bool(await self._engine.read(self._hidden_in, {"repository": repository, "of": digest}))

    async def find_untagged(self, repository: RepositoryName, before: float) -> list[Digest]:
        """Manifests pushed before this moment that neither tag nor index nor subject keeps alive, with those that they
        kept.
        """
        return await self._engine.read_together(
            lambda tx: self._orphans(self._page_of(repository, before, "", EVERY, tx), tx)
        )

    async def hide_untagged(self, repository: RepositoryName, before: float, keep: float) -> int:
        """Send them to the trash for ``keep`` seconds; returns how many. Others can write after each :data:`BATCH`."""
        deed = Deed("delete", THE_REGISTRY, keep)

        def hide(last: str, tx: Transaction) -> tuple[str | None, int]:
            page = self._page_of(repository, before, last, BATCH, tx)
            orphans = self._orphans(page, tx)
            for digest in orphans:
                self._bury_linked(int(page[0][0] or 0), repository, digest, deed, tx)
            return str(page[-1][1]) if page else None, len(orphans)

        hidden = 0
        last: str | None = ""
        while last is not None:
            last, count = await self._engine.write(partial(hide, last))
            hidden += count
        return hidden

    async def forget(self, entries: Sequence[Trashed]) -> None:
        """These cannot be restored any more, unless they went to the trash anew since they were read."""

        def forget(tx: Transaction) -> None:
            for entry in entries:
                tx.execute(self._expire, {"repository": entry.repository, "of": entry.digest, "due": entry.due_at})

        await self._engine.write(forget)

    def bury(
        self,
        here: int,
        repository: RepositoryName,
        truths: Sequence[Truth],
        moves: Sequence[TagMove],
        deed: Deed,
        tx: Transaction,
    ) -> None:
        """After a removal was recorded: what was removed, and what that left without anything that keeps it alive."""
        gone = [truth.digest for truth in truths if isinstance(truth, ManifestTruth) and truth.facts is None]
        untagged = [(move.tag, move.old) for move in moves if move.new is None and move.old is not None]
        for digest in gone:
            if deed.keep > 0:
                self._throw(repository, digest, deed, tx, linked=False)
            else:
                tx.execute(self._drop, {"repository": repository, "of": digest})
        for digest in self._kinship.find_orphans(here, gone, untagged, tx):
            self._bury_linked(here, repository, digest, deed, tx)

    def revive(self, here: int, repository: RepositoryName, digest: Digest, tx: Transaction) -> None:
        """The manifest lives again, and those that it keeps alive."""
        waiting = [digest]
        while waiting:
            one = waiting.pop()
            if one != digest and not self._kinship.is_hidden(here, one, tx):
                continue
            tx.execute(self._show, {"here": here, "of": one})
            tx.execute(self._drop, {"repository": repository, "of": one})
            waiting += self._kinship.kin(here, one, tx)

    def revive_hidden(self, here: int, repository: RepositoryName, digest: Digest, tx: Transaction) -> None:
        """The same where it is hidden: something points to it."""
        if self._kinship.is_hidden(here, digest, tx):
            self.revive(here, repository, digest, tx)

    def meet(self, here: int, repository: RepositoryName, digest: Digest, tx: Transaction) -> None:
        """A link that the index did not know: in the trash if it went there with it and nothing keeps it alive; else
        another program pushed it, and it lives with those that it keeps alive.
        """
        row = tx.one(self._get, {"repository": repository, "of": digest})
        if row is not None and _trashed(row).linked and not self._kinship.is_kept(here, digest, tx):
            tx.execute(self._hide, {"here": here, "of": digest})
        else:
            self.revive(here, repository, digest, tx)

    def _page_of(self, repository: RepositoryName, before: float, last: str, limit: int, tx: Transaction) -> list[Row]:
        return tx.all(self._untagged, {"repository": repository, "before": before, "last": last, "limit": limit})

    def _orphans(self, untagged: Sequence[Row], tx: Transaction) -> list[Digest]:
        if not untagged:
            return []
        here = int(untagged[0][0] or 0)
        return self._kinship.find_orphans(here, (), [(Tag(""), Digest(row[1])) for row in untagged], tx)

    def _bury_linked(self, here: int, repository: RepositoryName, digest: Digest, deed: Deed, tx: Transaction) -> None:
        tx.execute(self._hide, {"here": here, "of": digest})
        self._throw(repository, digest, deed, tx, linked=True)

    def _throw(self, repository: RepositoryName, digest: Digest, deed: Deed, tx: Transaction, *, linked: bool) -> None:
        entry: dict[str, Value] = {
            "repository": repository,
            "digest": digest,
            "actor": deed.caller.actor,
            "linked": linked,
        }
        tx.execute(self._put, {**entry, "trashed_at": deed.at, "due_at": deed.at + deed.keep})


def _trashed(row: Row) -> Trashed:
    repository, digest, trashed_at, due_at, actor, linked = row
    name = RepositoryName(repository)
    return Trashed(name, Digest(digest), float(trashed_at or 0), float(due_at or 0), str(actor), bool(linked))
