# SPDX-License-Identifier: Apache-2.0
"""The reads of the hot path: tag or digest → manifest; is this blob held? Microseconds, on the loop."""

from sqlalchemy import ColumnElement, and_, bindparam, case, func, literal_column, select

from entrepot.index.engine import Engine
from entrepot.index.facts import HeldBlob, LargeManifest, StoredManifest
from entrepot.index.schema import BLOBS, LAYERS, MANIFESTS, REPOSITORIES, REVISIONS, TAGS
from entrepot.index.statements import Statement
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag

SMALL: ColumnElement[int] = literal_column(str(64 * 1024))
"""Bytes of a payload up to which it is read on the loop; larger ones are read in a thread."""


class Lookups:
    """Each method is one statement; parameters go in the order of its text."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = engine.dialect
        small = case((func.length(MANIFESTS.c.payload) <= SMALL, MANIFESTS.c.payload))
        manifest = (MANIFESTS.c.digest, MANIFESTS.c.media_type, small)
        here = REPOSITORIES.c.name == bindparam("a_repository")
        self._by_tag = Statement.compile(
            select(*manifest).where(
                here,
                and_(TAGS.c.repository_id == REPOSITORIES.c.id, TAGS.c.name == bindparam("b_tag")),
                MANIFESTS.c.digest == TAGS.c.digest,
            ),
            dialect,
        )
        self._by_digest = Statement.compile(
            select(*manifest).where(
                here,
                and_(REVISIONS.c.repository_id == REPOSITORIES.c.id, REVISIONS.c.digest == bindparam("b_digest")),
                MANIFESTS.c.digest == REVISIONS.c.digest,
            ),
            dialect,
        )
        self._blob = Statement.compile(
            select(LAYERS.c.content, BLOBS.c.size, BLOBS.c.verified).where(
                here,
                and_(LAYERS.c.repository_id == REPOSITORIES.c.id, LAYERS.c.digest == bindparam("b_digest")),
                BLOBS.c.digest == LAYERS.c.content,
            ),
            dialect,
        )
        self._size = Statement.compile(
            select(BLOBS.c.size, BLOBS.c.verified).where(BLOBS.c.digest == bindparam("a_digest")), dialect
        )
        self._payload = Statement.compile(
            select(MANIFESTS.c.digest, MANIFESTS.c.media_type, MANIFESTS.c.payload).where(
                MANIFESTS.c.digest == bindparam("digest")
            ),
            dialect,
        )
        self._holder = Statement.compile(
            select(REPOSITORIES.c.name)
            .where(
                LAYERS.c.content == bindparam("a_digest"),
                LAYERS.c.digest == LAYERS.c.content,
                REPOSITORIES.c.id == LAYERS.c.repository_id,
            )
            .limit(literal_column("1"))
            .offset(literal_column("0")),  # a parameter else, which SQLite's LIMIT brings along
            dialect,
        )

    async def manifest_by_tag(self, name: RepositoryName, tag: Tag) -> StoredManifest | LargeManifest | None:
        """What the tag points to."""
        return _manifest(await self._engine.read_one(self._by_tag, name, tag))

    async def manifest_by_digest(self, name: RepositoryName, digest: Digest) -> StoredManifest | LargeManifest | None:
        """The manifest, where this repository holds it."""
        return _manifest(await self._engine.read_one(self._by_digest, name, digest))

    async def load(self, large: LargeManifest) -> StoredManifest | None:
        """The manifest with its payload, read in a thread; None where it went in between."""
        rows = await self._engine.read(self._payload, {"digest": large.digest})
        found = _manifest(rows[0]) if rows else None
        return found if isinstance(found, StoredManifest) else None

    async def blob(self, name: RepositoryName, digest: Digest) -> HeldBlob | None:
        """The blob, where this repository holds it."""
        row = await self._engine.read_one(self._blob, name, digest)
        return None if row is None else HeldBlob(Digest(row[0]), int(row[1]), bool(row[2]))  # type: ignore[arg-type]

    async def verified_size(self, digest: Digest) -> int | None:
        """The size of bytes that we have verified, wherever they are linked."""
        row = await self._engine.read_one(self._size, digest)
        return int(row[0]) if row is not None and row[1] else None  # type: ignore[arg-type]

    async def repository_with_blob(self, digest: Digest) -> RepositoryName | None:
        """Any repository that holds the blob."""
        row = await self._engine.read_one(self._holder, digest)
        return None if row is None else RepositoryName(row[0])


def _manifest(row: tuple[object, ...] | None) -> StoredManifest | LargeManifest | None:
    if row is None:
        return None
    digest, media_type, payload = row
    if payload is None:
        return LargeManifest(Digest(digest))
    return StoredManifest(Digest(digest), media_type, payload)  # type: ignore[arg-type]
