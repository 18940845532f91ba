# SPDX-License-Identifier: Apache-2.0
"""How often, and when last, each tag and each manifest was pulled.

Counts follow deletions: they stay while what they count can be restored, and go with it. Those of a manifest go with
its entry of the trash; a tag has none, so its counts remember until when it can come back (``due_at``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import bindparam, case, delete, select, update

from entrepot.index.changes import ROWS
from entrepot.index.deeds import Deed, TagMove
from entrepot.index.engine import Engine, Transaction
from entrepot.index.facts import Kind, ManifestTruth, Truth
from entrepot.index.schema import PULLS, REPOSITORIES, REVISIONS, TAGS
from entrepot.index.statements import Statement, Value, insert_absent
from entrepot.oci.digests import Digest
from entrepot.oci.names import Reference, RepositoryName


@dataclass(frozen=True, slots=True)
class PullCount:
    """``count`` pulls of a tag or manifest, the last of them at ``last_at`` (Unix seconds)."""

    repository: RepositoryName
    reference: Reference
    count: int
    last_at: float

    @property
    def kind(self) -> Kind:
        """What was pulled."""
        return "manifest" if isinstance(self.reference, Digest) else "tag"


class Pulls:
    """The counts. As a ``Witness`` of deletions it sees to it that they go with what they count."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = engine.dialect
        one = [PULLS.c[key] == bindparam(f"of_{key}") for key in ("repository", "kind", "name")]
        later = case((PULLS.c.last_at < bindparam("at"), bindparam("at")), else_=PULLS.c.last_at)
        more = PULLS.c.count + bindparam("more")
        here = (REPOSITORIES.c.name == bindparam("of_repository"),)
        self._get = Statement.compile(select(PULLS.c.count, PULLS.c.last_at).where(*one), dialect)
        self._raise = Statement.compile(update(PULLS).where(*one).values(count=more, last_at=later), dialect)
        self._add = Statement.compile(insert_absent(PULLS, "repository", "kind", "name", "count", "last_at"), dialect)
        self._held = {
            "tag": Statement.compile(
                select(TAGS.c.name).where(
                    *here, TAGS.c.repository_id == REPOSITORIES.c.id, TAGS.c.name == bindparam("of_name")
                ),
                dialect,
            ),
            "manifest": Statement.compile(
                select(REVISIONS.c.digest).where(
                    *here, REVISIONS.c.repository_id == REPOSITORIES.c.id, REVISIONS.c.digest == bindparam("of_name")
                ),
                dialect,
            ),
        }
        self._set_due = Statement.compile(update(PULLS).where(*one).values(due_at=bindparam("due")), dialect)
        self._drop = Statement.compile(delete(PULLS).where(*one), dialect)
        self._due = Statement.compile(
            select(PULLS.c.repository, PULLS.c.kind, PULLS.c.name)
            .where(PULLS.c.due_at <= bindparam("now"))
            .order_by(PULLS.c.due_at)
            .limit(ROWS // 2),
            dialect,
        )

    async def get(self, repository: RepositoryName, reference: Reference) -> PullCount | None:
        """What is known of one tag or manifest; None where nobody has pulled it."""
        asked = PullCount(repository, reference, 0, 0)
        rows = await self._engine.read(self._get, _key(repository, asked.kind, reference))
        return PullCount(repository, reference, int(rows[0][0] or 0), float(rows[0][1] or 0)) if rows else None

    async def add(self, pulled: Sequence[PullCount]) -> None:
        """Add these, in one transaction; at most ``ROWS``. What is not there any more is not counted."""
        await self._engine.write(partial(self._add_all, pulled))

    async def prune(self, now: float) -> int:
        """Remove some counts of tags that were deleted and cannot be restored any more; returns how many."""

        def prune(tx: Transaction) -> int:
            rows = tx.all(self._due, {"now": now})
            for repository, kind, name in rows:
                tx.execute(self._drop, {"of_repository": repository, "of_kind": kind, "of_name": name})
            return len(rows)

        return await self._engine.write(prune)

    def witness(
        self, repository: RepositoryName, truths: Sequence[Truth], moves: Sequence[TagMove], deed: Deed, tx: Transaction
    ) -> None:
        """Counts of what was deleted for good go at once, of a tag that can be restored later; those of a tag that is
        there again stay.
        """
        for move in moves:
            tag = _key(repository, "tag", move.tag)
            if move.new is None and deed.keep <= 0:
                tx.execute(self._drop, tag)
            elif move.new is None or move.old is None:
                tx.execute(self._set_due, {**tag, "due": deed.at + deed.keep if move.new is None else None})
        for truth in truths if deed.action == "delete" and deed.keep <= 0 else ():
            if isinstance(truth, ManifestTruth) and not truth.present:
                tx.execute(self._drop, _key(repository, "manifest", truth.digest))

    def _add_all(self, pulled: Sequence[PullCount], tx: Transaction) -> None:
        for one in pulled:
            key = _key(one.repository, one.kind, one.reference)
            if tx.execute(self._raise, {**key, "more": one.count, "at": one.last_at}):
                continue
            if tx.one(self._held[one.kind], key) is not None:
                row: dict[str, Value] = {"repository": one.repository, "kind": one.kind, "name": one.reference}
                tx.execute(self._add, {**row, "count": one.count, "last_at": one.last_at})


def _key(repository: RepositoryName, kind: str, name: str) -> dict[str, Value]:
    return {"of_repository": repository, "of_kind": kind, "of_name": name}
