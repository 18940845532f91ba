# SPDX-License-Identifier: Apache-2.0
"""What nothing needs: blobs' links that no manifest of their repository names, and bytes without links."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, except_, exists, select, update

from entrepot.index.engine import Engine, Transaction
from entrepot.index.schema import BLOBS, COLLECTED, LAYERS, MANIFESTS, REFERENCES, REPOSITORIES, REVISIONS, TRASH
from entrepot.index.statements import Statement, Value, insert_absent, insert_replacing
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName


@dataclass(frozen=True, slots=True)
class Bytes:
    """A digest and how many bytes lie under it."""

    digest: Digest
    size: int


class Garbage:
    """Finds it, condemns it, and forgets it once it is gone. ``before``: Unix seconds; what was touched since stays."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = engine.dialect
        here = REPOSITORIES.c.name == bindparam("repository")
        held = (here, REVISIONS.c.repository_id == REPOSITORIES.c.id)
        self._opaque = Statement.compile(
            select(REVISIONS.c.digest).where(*held, ~exists().where(MANIFESTS.c.digest == REVISIONS.c.digest)).limit(1),
            dialect,
        )
        in_revision = (*held, REFERENCES.c.manifest == REVISIONS.c.digest)
        in_trash = (TRASH.c.repository == bindparam("repository"), REFERENCES.c.manifest == TRASH.c.digest)
        self._links = Statement.compile(
            except_(
                select(LAYERS.c.digest).where(
                    here, LAYERS.c.repository_id == REPOSITORIES.c.id, LAYERS.c.touched_at <= bindparam("before")
                ),
                select(REFERENCES.c.target).where(*in_revision),
                select(REFERENCES.c.target).where(*in_trash),
            ),
            dialect,
        )
        free = (
            BLOBS.c.touched_at <= bindparam("before"),
            ~exists().where(LAYERS.c.content == BLOBS.c.digest),
            ~exists().where(REVISIONS.c.digest == BLOBS.c.digest),
            ~exists().where(TRASH.c.digest == BLOBS.c.digest),
            ~exists(REFERENCES.c.manifest).where(
                REFERENCES.c.target == BLOBS.c.digest,
                REFERENCES.c.kind == "blob",
                REVISIONS.c.digest == REFERENCES.c.manifest,
            ),
            ~exists().where(REFERENCES.c.target == BLOBS.c.digest, TRASH.c.digest == REFERENCES.c.manifest),
        )
        self._unnamed = Statement.compile(
            select(LAYERS.c.digest).where(
                here,
                LAYERS.c.repository_id == REPOSITORIES.c.id,
                LAYERS.c.digest == bindparam("of"),
                LAYERS.c.touched_at <= bindparam("before"),
                ~exists().where(
                    REFERENCES.c.target == LAYERS.c.digest,
                    REVISIONS.c.digest == REFERENCES.c.manifest,
                    REVISIONS.c.repository_id == LAYERS.c.repository_id,
                ),
                ~exists().where(
                    REFERENCES.c.target == LAYERS.c.digest,
                    TRASH.c.digest == REFERENCES.c.manifest,
                    TRASH.c.repository == REPOSITORIES.c.name,
                ),
            ),
            dialect,
        )
        of = BLOBS.c.digest == bindparam("of")
        self._bytes = Statement.compile(
            select(BLOBS.c.digest, BLOBS.c.size)
            .where(BLOBS.c.digest > bindparam("last"), *free)
            .order_by(BLOBS.c.digest)
            .limit(bindparam("limit")),
            dialect,
        )
        condemned = update(BLOBS).where(of, *free).values(condemned_at=bindparam("now"))
        self._condemn = Statement.compile(condemned, dialect)
        self._still = Statement.compile(
            select(BLOBS.c.digest).where(of, BLOBS.c.condemned_at.is_not(None), *free), dialect
        )
        self._meet = Statement.compile(insert_absent(BLOBS, "digest", "size", "verified", "touched_at"), dialect)
        self._known = Statement.compile(select(BLOBS.c.digest).where(of), dialect)
        self._forget = Statement.compile(delete(BLOBS).where(of, BLOBS.c.condemned_at.is_not(None)), dialect)
        self._forget_manifest = [
            Statement.compile(delete(MANIFESTS).where(MANIFESTS.c.digest == bindparam("of")), dialect),
            Statement.compile(delete(REFERENCES).where(REFERENCES.c.manifest == bindparam("of")), dialect),
        ]
        self._collect = Statement.compile(insert_replacing(COLLECTED, ("digest",)), dialect)
        self._prune = Statement.compile(
            delete(COLLECTED).where(COLLECTED.c.collected_at < bindparam("older_than")), dialect
        )

    async def is_opaque(self, repository: RepositoryName) -> bool:
        """Whether it holds a manifest that we do not understand, and so cannot tell which blobs it needs."""
        return bool(await self._engine.read(self._opaque, {"repository": repository}))

    async def links(self, repository: RepositoryName, before: float) -> list[Digest]:
        """Blobs that the repository holds and that no manifest of it names, in the trash or not; sorted."""
        rows = await self._engine.read(self._links, {"repository": repository, "before": before})
        return sorted(Digest(row[0]) for row in rows)

    async def still_unnamed(self, repository: RepositoryName, digests: Iterable[Digest], before: float) -> list[Digest]:
        """Those of :meth:`links` for which this is still so. The caller holds their names, so it stays so."""

        def ask(tx: Transaction) -> list[Digest]:
            values: dict[str, Value] = {"repository": repository, "before": before}
            return [digest for digest in digests if tx.one(self._unnamed, {**values, "of": digest}) is not None]

        return await self._engine.read_together(ask)

    async def bytes(self, before: float, last: str, limit: int) -> list[Bytes]:
        """Bytes that no repository holds and nothing in the trash names, by digest, after ``last``."""
        rows = await self._engine.read(self._bytes, {"before": before, "last": last, "limit": limit})
        return [Bytes(Digest(row[0]), int(row[1] or 0)) for row in rows]

    async def condemn(self, digests: Sequence[Digest], before: float, now: float) -> None:
        """Those of ``digests`` that are still free will go, unless a commit takes their row back."""

        def condemn(tx: Transaction) -> None:
            for digest in digests:
                tx.execute(self._condemn, {"of": digest, "before": before, "now": now})

        await self._engine.write(condemn)

    async def still_condemned(self, digests: Iterable[Digest], before: float) -> list[Digest]:
        """Those that are condemned and free. The caller claims them, so this stays true while it does."""

        def ask(tx: Transaction) -> list[Digest]:
            return [digest for digest in digests if tx.one(self._still, {"of": digest, "before": before}) is not None]

        return await self._engine.read_together(ask)

    async def forget(self, gone: Sequence[Bytes], now: float) -> None:
        """The bytes are gone: so are their rows, unless they were brought back; that they went is remembered."""

        def forget(tx: Transaction) -> None:
            for one in gone:
                if not tx.execute(self._forget, {"of": one.digest}):
                    continue
                for statement in self._forget_manifest:
                    tx.execute(statement, {"of": one.digest})
                tx.execute(self._collect, {"digest": one.digest, "size": one.size, "collected_at": now})

        await self._engine.write(forget)

    async def meet(self, found: Sequence[tuple[Digest, int]], now: float) -> int:
        """Bytes that were found in storage: those without a row get one, touched ``now``. Returns how many."""

        def ask(tx: Transaction) -> list[tuple[Digest, int]]:
            return [one for one in found if tx.one(self._known, {"of": one[0]}) is None]

        unknown = await self._engine.read_together(ask)

        def meet(tx: Transaction) -> None:
            for digest, size in unknown:
                row: dict[str, Value] = {"digest": digest, "size": size, "verified": False, "touched_at": now}
                tx.execute(self._meet, row)

        if unknown:
            await self._engine.write(meet)
        return len(unknown)

    async def prune(self, older_than: float) -> None:
        """Forget what went longer ago."""
        await self._engine.write(lambda tx: tx.execute(self._prune, {"older_than": older_than}))
