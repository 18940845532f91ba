# SPDX-License-Identifier: Apache-2.0
"""Every move of a tag that somebody made: when, by whom, from what to what."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from entrepot.index.deeds import Deed, TagMove
from entrepot.index.engine import Engine, Transaction
from entrepot.index.facts import Truth
from entrepot.index.schema import HISTORY
from entrepot.index.statements import Row, Statement, Value, insert_absent
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag

COLUMNS = ("repository", "tag", "moved_at", "actor", "action", "old", "new")


@dataclass(frozen=True, slots=True)
class Move:
    """One move. ``number`` grows with time; ``moved_at`` is in Unix seconds; None: the tag was not there."""

    number: int
    tag: Tag
    moved_at: float
    actor: str
    action: str
    old: Digest | None
    new: Digest | None


class History:
    """A ``Witness`` of tags."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = engine.dialect
        columns = [HISTORY.c[key] for key in ("id", *COLUMNS[1:])]
        here = (HISTORY.c.repository == bindparam("repository"), HISTORY.c.id < bindparam("before"))
        self._add = Statement.compile(insert_absent(HISTORY, *COLUMNS), dialect)
        self._of_tag = Statement.compile(
            select(*columns)
            .where(*here, HISTORY.c.tag == bindparam("tag"))
            .order_by(HISTORY.c.id.desc())
            .limit(bindparam("limit")),
            dialect,
        )
        self._lost = Statement.compile(
            select(*columns).where(
                HISTORY.c.repository == bindparam("repository"),
                HISTORY.c.old == bindparam("digest"),
                HISTORY.c.new.is_(None),
                HISTORY.c.moved_at == bindparam("at"),
            ),
            dialect,
        )

    def witness(
        self,
        repository: RepositoryName,
        truths: Sequence[Truth],  # noqa: ARG002 - the contract's
        moves: Sequence[TagMove],
        deed: Deed,
        tx: Transaction,
    ) -> None:
        """Write the moves down."""
        for move in moves:
            values = (repository, move.tag, deed.at, deed.caller.actor, deed.action, move.old, move.new)
            tx.execute(self._add, dict(zip(COLUMNS, values, strict=True)))

    async def of_tag(self, repository: RepositoryName, tag: Tag, before: int, limit: int) -> list[Move]:
        """Moves of one tag with numbers below ``before``, the newest first."""
        values: dict[str, Value] = {"repository": repository, "tag": tag, "before": before, "limit": limit}
        return [_move(row) for row in await self._engine.read(self._of_tag, values)]

    async def tags_lost(self, repository: RepositoryName, deaths: Sequence[tuple[Digest, float]]) -> list[list[Tag]]:
        """For each digest the tags that stopped pointing to it by the deed of that moment, in order."""

        def ask(tx: Transaction) -> list[list[Tag]]:
            return [
                sorted(_move(row).tag for row in tx.all(self._lost, {"repository": repository, "digest": of, "at": at}))
                for of, at in deaths
            ]

        return await self._engine.read_together(ask)


def _move(row: Row) -> Move:
    number, tag, moved_at, actor, action, old, new = row
    return Move(
        number=int(number or 0),
        tag=Tag(tag),
        moved_at=float(moved_at or 0),
        actor=str(actor),
        action=str(action),
        old=None if old is None else Digest(old),
        new=None if new is None else Digest(new),
    )
