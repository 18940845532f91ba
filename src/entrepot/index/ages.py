# SPDX-License-Identifier: Apache-2.0
"""How long tags have stood where they stand, and when they were last pulled: what retention judges by."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BindParameter, Select, bindparam, func, select

from entrepot.index.engine import Engine, Transaction
from entrepot.index.schema import HISTORY, PULLS, REPOSITORIES, TAGS
from entrepot.index.statements import Row, Statement, Value
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag


@dataclass(frozen=True, slots=True)
class AgedTag:
    """A tag, since when it points to ``digest``, and when it or that manifest was last pulled; Unix seconds.

    ``pushed``: that moment is known, for somebody pushed it here; else it is that of adopting or restoring.
    ``pulled_at``: None where no pull was counted. Clients that ask with HEAD first pull by digest, so a pull of the
    manifest is one of the tag.
    """

    tag: Tag
    digest: Digest
    moved_at: float
    pushed: bool
    pulled_at: float | None


class Ages:
    """Reads them in pages, by tag."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        last: BindParameter[str] = bindparam("last")
        limit: BindParameter[int] = bindparam("limit")
        page = _aged().where(TAGS.c.name > last).order_by(TAGS.c.name).limit(limit)
        self._page = Statement.compile(page, engine.dialect)
        self._one = Statement.compile(_aged().where(TAGS.c.name == bindparam("of")), engine.dialect)

    async def page(self, repository: RepositoryName, last: str, limit: int) -> list[AgedTag]:
        """Tags after ``last`` in bytewise order."""
        values: dict[str, Value] = {"repository": repository, "last": last, "limit": limit}
        return [_tag(row) for row in await self._engine.read(self._page, values)]

    async def some(self, repository: RepositoryName, tags: Sequence[Tag]) -> list[AgedTag]:
        """Those of ``tags`` that are there."""

        def ask(tx: Transaction) -> list[AgedTag]:
            rows = [tx.one(self._one, {"repository": repository, "of": tag}) for tag in tags]
            return [_tag(row) for row in rows if row is not None]

        return await self._engine.read_together(ask)


def _aged() -> Select[tuple[str, str, float, str, float, float]]:
    """Tags of a repository; the last move in its history says whether somebody pushed it to where it points."""
    moves = (HISTORY.c.repository == bindparam("repository"), HISTORY.c.tag == TAGS.c.name)
    action = select(HISTORY.c.action).where(*moves).order_by(HISTORY.c.id.desc()).limit(1)
    of = {"tag": PULLS.alias("of_tag"), "manifest": PULLS.alias("of_manifest")}
    last = {
        kind: select(func.max(table.c.last_at))
        .where(
            table.c.repository == bindparam("repository"),
            table.c.kind == kind,
            table.c.name == (TAGS.c.name if kind == "tag" else TAGS.c.digest),
        )
        .scalar_subquery()
        for kind, table in of.items()
    }
    return select(
        TAGS.c.name, TAGS.c.digest, TAGS.c.moved_at, action.scalar_subquery(), last["tag"], last["manifest"]
    ).where(REPOSITORIES.c.name == bindparam("repository"), TAGS.c.repository_id == REPOSITORIES.c.id)


def _tag(row: Row) -> AgedTag:
    tag, digest, moved_at, action, *pulled = row
    times = [float(at) for at in pulled if at is not None]
    return AgedTag(
        tag=Tag(tag),
        digest=Digest(digest),
        moved_at=float(moved_at or 0),
        pushed=action == "push",
        pulled_at=max(times, default=None),
    )
