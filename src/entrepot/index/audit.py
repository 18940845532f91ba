# SPDX-License-Identifier: Apache-2.0
"""What who checks a registry asks of the index: about one digest, over all repositories."""

from sqlalchemy import BindParameter, bindparam, delete, select

from entrepot.index.engine import Engine
from entrepot.index.schema import BLOBS, LAYERS, MANIFESTS, REFERENCES, REPOSITORIES, REVISIONS, TAGS
from entrepot.index.statements import Statement, bytewise
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag


class Audit:
    """Each list is whole; a digest that thousands need gives thousands of rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = engine.dialect
        digest: BindParameter[str] = bindparam("digest")
        self._size = Statement.compile(select(BLOBS.c.size).where(BLOBS.c.digest == bindparam("a_digest")), dialect)
        self._payload = Statement.compile(select(MANIFESTS.c.payload).where(MANIFESTS.c.digest == digest), dialect)
        self._forget = Statement.compile(delete(BLOBS).where(BLOBS.c.digest == digest), dialect)
        self._layers = Statement.compile(
            select(REPOSITORIES.c.name)
            .where(REPOSITORIES.c.id == LAYERS.c.repository_id, LAYERS.c.digest == digest)
            .order_by(REPOSITORIES.c.name),
            dialect,
        )
        self._revisions = Statement.compile(
            select(REPOSITORIES.c.name)
            .where(REPOSITORIES.c.id == REVISIONS.c.repository_id, REVISIONS.c.digest == digest)
            .order_by(REPOSITORIES.c.name),
            dialect,
        )
        needing = select(bytewise(digest, dialect).label("needed")).cte("needing", recursive=True)
        needing = needing.union(select(REFERENCES.c.manifest).where(REFERENCES.c.target == needing.c.needed))
        self._tags = Statement.compile(
            select(REPOSITORIES.c.name, TAGS.c.name)
            .where(
                REVISIONS.c.digest == needing.c.needed,
                TAGS.c.repository_id == REVISIONS.c.repository_id,
                TAGS.c.digest == REVISIONS.c.digest,
                REPOSITORIES.c.id == TAGS.c.repository_id,
            )
            .order_by(REPOSITORIES.c.name, TAGS.c.name),
            dialect,
        )

    async def size(self, digest: Digest) -> int | None:
        """Bytes of a blob as its row says; None where it has no row."""
        row = await self._engine.read_one(self._size, digest)
        return None if row is None else int(row[0])  # type: ignore[arg-type]

    async def payload(self, digest: Digest) -> bytes | None:
        """The bytes of a manifest, whether or not a repository still holds it."""
        rows = await self._engine.read(self._payload, {"digest": digest})
        return rows[0][0] if rows else None  # type: ignore[return-value]

    async def repositories_with_blob(self, digest: Digest) -> list[RepositoryName]:
        """Those that hold it as a blob."""
        return [RepositoryName(row[0]) for row in await self._engine.read(self._layers, {"digest": digest})]

    async def repositories_with_manifest(self, digest: Digest) -> list[RepositoryName]:
        """Those that hold it as a manifest."""
        return [RepositoryName(row[0]) for row in await self._engine.read(self._revisions, {"digest": digest})]

    async def tags_that_need(self, digest: Digest) -> list[tuple[RepositoryName, Tag]]:
        """Tags of this manifest, or of one that names this blob or manifest, however far below."""
        rows = await self._engine.read(self._tags, {"digest": digest})
        return [(RepositoryName(row[0]), Tag(row[1])) for row in rows]

    async def forget_blob(self, digest: Digest) -> None:
        """Whatever was known of its bytes is not true: the next push writes them, and who holds it is asked again."""
        await self._engine.write(lambda tx: tx.execute(self._forget, {"digest": digest}))
