# SPDX-License-Identifier: Apache-2.0
"""Manifests that neither tag nor index nor subject keeps alive: pushed by digest, overwritten, or adopted so."""

from collections.abc import Sequence

from sqlalchemy import BindParameter, bindparam, exists, false, select

from entrepot.index.deeds import Deed
from entrepot.index.engine import Engine, Transaction
from entrepot.index.kinship import Kinship
from entrepot.index.schema import HISTORY, MANIFESTS, REFERENCES, REPOSITORIES, REVISIONS, TAGS
from entrepot.index.statements import Statement, Value
from entrepot.index.trash import Trash
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag


class Untagged:
    """Finds them and throws them away. ``before``: Unix seconds; since then they were neither pushed nor did a tag move
    away from them.
    """

    def __init__(self, engine: Engine, kinship: Kinship, trash: Trash) -> None:
        self._engine = engine
        self._kinship = kinship
        self._trash = trash
        before: BindParameter[float] = bindparam("before")
        parent, subject = REVISIONS.alias("parent"), REVISIONS.alias("of_subject")
        beside = [one.c.repository_id == REVISIONS.c.repository_id for one in (parent, subject)]
        alone = select(REVISIONS.c.digest, REVISIONS.c.repository_id).where(
            REPOSITORIES.c.name == bindparam("repository"),
            REVISIONS.c.repository_id == REPOSITORIES.c.id,
            REVISIONS.c.hidden == false(),
            REVISIONS.c.pushed_at <= before,
            exists().where(MANIFESTS.c.digest == REVISIONS.c.digest),
            # naming a column: for "SELECT *" SQLite reads all tags of the repository instead of the index
            ~exists(TAGS.c.digest).where(
                TAGS.c.repository_id == REVISIONS.c.repository_id, TAGS.c.digest == REVISIONS.c.digest
            ),
            # one in the other: as a join SQLite reads all manifests of the repository first
            ~exists(REFERENCES.c.manifest).where(
                REFERENCES.c.target == REVISIONS.c.digest,
                REFERENCES.c.kind == "manifest",
                exists(parent.c.digest)
                .where(beside[0], parent.c.digest == REFERENCES.c.manifest, parent.c.hidden == false())
                .correlate(REVISIONS, REFERENCES),
            ),
            ~exists().where(beside[1], subject.c.digest == REVISIONS.c.subject, subject.c.hidden == false()),
            ~exists().where(
                HISTORY.c.repository == bindparam("repository"),
                HISTORY.c.old == REVISIONS.c.digest,
                HISTORY.c.moved_at > before,
            ),
        )
        last: BindParameter[str] = bindparam("last")
        limit: BindParameter[int] = bindparam("limit")
        page = alone.where(REVISIONS.c.digest > last).order_by(REVISIONS.c.digest).limit(limit)
        self._page = Statement.compile(page, engine.dialect)
        self._one = Statement.compile(alone.where(REVISIONS.c.digest == bindparam("of")), engine.dialect)

    async def page(self, repository: RepositoryName, before: float, last: str, limit: int) -> list[Digest]:
        """The manifests after ``last``, by digest, without those that go with them."""
        values: dict[str, Value] = {"repository": repository, "before": before, "last": last, "limit": limit}
        return [Digest(row[0]) for row in await self._engine.read(self._page, values)]

    async def throw(
        self, repository: RepositoryName, digests: Sequence[Digest], before: float, deed: Deed
    ) -> list[Digest]:
        """To the trash with those of ``digests`` that are still untagged, and with what they alone keep alive; returns
        all that went.
        """

        def throw(tx: Transaction) -> list[Digest]:
            values: dict[str, Value] = {"repository": repository, "before": before}
            rows = [tx.one(self._one, {**values, "of": digest}) for digest in digests]
            found = [(Digest(row[0]), int(row[1] or 0)) for row in rows if row is not None]
            if not found:
                return []
            here = found[0][1]
            orphans = self._kinship.find_orphans(here, (), [(Tag(""), digest) for digest, _ in found], tx)
            for digest in orphans:
                self._trash.throw(here, repository, digest, deed, tx)
            return orphans

        return await self._engine.write(throw)
