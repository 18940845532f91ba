# SPDX-License-Identifier: Apache-2.0
"""Manifests that died and can be restored until they are due (design "When a manifest dies").

Those left without tag, index or subject stay linked in storage, ``hidden``: listed nowhere, answered by digest. Those
that somebody removed by digest have no link any more; their facts stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, exists, false, select, true, update

from entrepot.index.deeds import Deed, TagMove
from entrepot.index.engine import Engine, Transaction
from entrepot.index.facts import ManifestTruth, Truth
from entrepot.index.kinship import Kinship
from entrepot.index.schema import MANIFESTS, PULLS, REPOSITORIES, REVISIONS, TRASH
from entrepot.index.statements import Row, Statement, Value, insert_replacing
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName


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
        self._extend = Statement.compile(
            update(TRASH).where(*one, TRASH.c.due_at < bindparam("due")).values(due_at=bindparam("due")), dialect
        )
        self._expire = Statement.compile(delete(TRASH).where(*one, TRASH.c.due_at == bindparam("due")), dialect)
        pulled = (
            PULLS.c.repository == bindparam("repository"),
            PULLS.c.kind == "manifest",
            PULLS.c.name == bindparam("of"),
        )
        self._uncount = Statement.compile(delete(PULLS).where(*pulled), dialect)
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

    async def forget(self, entries: Sequence[Trashed]) -> None:
        """These cannot be restored any more, unless they went to the trash anew since they were read. Their counts of
        pulls go with them.
        """

        def forget(tx: Transaction) -> None:
            for entry in entries:
                one: dict[str, Value] = {"repository": entry.repository, "of": entry.digest}
                if tx.execute(self._expire, {**one, "due": entry.due_at}):
                    tx.execute(self._uncount, one)

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
            self.throw(here, repository, digest, deed, tx)
        if deed.keep > 0:
            self._keep_kin(here, repository, gone, deed, tx)

    def throw(self, here: int, repository: RepositoryName, digest: Digest, deed: Deed, tx: Transaction) -> None:
        """The manifest goes to the trash; its link stays until it is due."""
        tx.execute(self._hide, {"here": here, "of": digest})
        self._throw(repository, digest, deed, tx, linked=True)

    def _keep_kin(
        self, here: int, repository: RepositoryName, gone: Sequence[Digest], deed: Deed, tx: Transaction
    ) -> None:
        """What went to the trash before stays as long as that which names it, or that could not be restored."""
        waiting = [kin for digest in gone for kin in self._kinship.kin(here, digest, tx)]
        seen: set[Digest] = set()
        while waiting:
            digest = waiting.pop()
            if digest in seen or not self._kinship.is_hidden(here, digest, tx):
                continue
            seen.add(digest)
            tx.execute(self._extend, {"repository": repository, "of": digest, "due": deed.at + deed.keep})
            waiting += self._kinship.kin(here, digest, tx)

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
