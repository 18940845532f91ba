# SPDX-License-Identifier: Apache-2.0
"""Lists by keyset: each costs what the page costs, wherever it begins."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate, takewhile

from sqlalchemy import BindParameter, bindparam, delete, exists, false, func, or_, select

from entrepot.index.engine import Engine, Transaction
from entrepot.index.facts import StoredManifest
from entrepot.index.matches import Matches
from entrepot.index.schema import LAYERS, MANIFESTS, REPOSITORIES, REVISIONS, TAGS
from entrepot.index.seen import ESCAPE, Seen, holds_manifests
from entrepot.index.sight import EVERYTHING, Sight
from entrepot.index.statements import Statement, Value
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag

REFERRERS_BYTES = 4 * 1024 * 1024
"""Bytes of payloads in one page of referrers, unless the first alone has more."""

EVERY = 2**63 - 1
"""A limit for those who want all: PostgreSQL takes no negative one."""

NUL = "\0"
"""PostgreSQL takes no text with one in it, not even to look for."""

_WILD = {"%", "_", ESCAPE}


@dataclass(frozen=True, slots=True)
class Referrer:
    """A manifest whose subject was asked for."""

    manifest: StoredManifest
    artifact_type: str | None


@dataclass(frozen=True, slots=True)
class TagEntry:
    """A tag, what it points to, and since when: Unix seconds, for an adopted one the moment of adoption."""

    tag: Tag
    digest: Digest
    moved_at: float


class Lists:
    """Pages: entries after ``last`` in bytewise order, ``limit`` at most."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = engine.dialect
        self._matches = Matches(dialect)
        self._seen = Seen(engine)
        here = REPOSITORIES.c.name == bindparam("repository")
        last: BindParameter[str] = bindparam("last")
        limit: BindParameter[int] = bindparam("limit")
        self._known = Statement.compile(select(REPOSITORIES.c.id).where(here), dialect)
        held = [~exists().where(table.c.repository_id == REPOSITORIES.c.id) for table in (TAGS, REVISIONS, LAYERS)]
        self._drop_empty = Statement.compile(delete(REPOSITORIES).where(here, *held), dialect)
        self._repositories = Statement.compile(
            select(REPOSITORIES.c.name)
            .where(REPOSITORIES.c.name > last, holds_manifests())
            .order_by(REPOSITORIES.c.name)
            .limit(limit),
            dialect,
        )
        self._search = Statement.compile(
            select(REPOSITORIES.c.name)
            .where(
                REPOSITORIES.c.name.like(bindparam("pattern"), escape=ESCAPE),
                holds_manifests(),
            )
            .order_by(REPOSITORIES.c.name)
            .limit(limit),
            dialect,
        )
        self._tags = Statement.compile(
            select(TAGS.c.name)
            .where(here, TAGS.c.repository_id == REPOSITORIES.c.id, TAGS.c.name > last)
            .order_by(TAGS.c.name)
            .limit(limit),
            dialect,
        )
        self._tags_of = Statement.compile(
            select(TAGS.c.name)
            .where(here, TAGS.c.repository_id == REPOSITORIES.c.id, TAGS.c.digest == bindparam("digest"))
            .order_by(TAGS.c.name),
            dialect,
        )
        self._all_repositories = Statement.compile(
            select(REPOSITORIES.c.name).where(REPOSITORIES.c.name > last).order_by(REPOSITORIES.c.name).limit(limit),
            dialect,
        )
        self._tag_entries = Statement.compile(
            select(TAGS.c.name, TAGS.c.digest, TAGS.c.moved_at)
            .where(here, TAGS.c.repository_id == REPOSITORIES.c.id, TAGS.c.name > last)
            .order_by(TAGS.c.name)
            .limit(limit),
            dialect,
        )
        self._revisions = Statement.compile(
            select(REVISIONS.c.digest)
            .where(here, REVISIONS.c.repository_id == REPOSITORIES.c.id, REVISIONS.c.digest > last)
            .order_by(REVISIONS.c.digest)
            .limit(limit),
            dialect,
        )
        self._layers = Statement.compile(
            select(LAYERS.c.digest, LAYERS.c.content)
            .where(here, LAYERS.c.repository_id == REPOSITORIES.c.id, LAYERS.c.digest > last)
            .order_by(LAYERS.c.digest)
            .limit(limit),
            dialect,
        )
        wanted = or_(bindparam("any_type") == 1, MANIFESTS.c.artifact_type == bindparam("artifact_type"))
        referring = (
            here,
            REVISIONS.c.repository_id == REPOSITORIES.c.id,
            REVISIONS.c.subject == bindparam("subject"),
            REVISIONS.c.hidden == false(),
            REVISIONS.c.digest > last,
            MANIFESTS.c.digest == REVISIONS.c.digest,
            wanted,
        )
        self._referrer_sizes = Statement.compile(
            select(func.length(MANIFESTS.c.payload)).where(*referring).order_by(REVISIONS.c.digest).limit(limit),
            dialect,
        )
        self._referrers = Statement.compile(
            select(MANIFESTS.c.digest, MANIFESTS.c.media_type, MANIFESTS.c.payload, MANIFESTS.c.artifact_type)
            .where(*referring)
            .order_by(REVISIONS.c.digest)
            .limit(limit),
            dialect,
        )

    async def repository_known(self, name: RepositoryName) -> bool:
        """Whether the repository holds, or has held, anything."""
        return bool(await self._engine.read(self._known, {"repository": name}))

    async def repositories(self, last: str, limit: int, sight: Sight = EVERYTHING) -> list[RepositoryName]:
        """Repositories that hold manifests and that ``sight`` shows."""
        if sight.patterns is not None:
            return await self._seen.page(_spoken(last), limit, sight.patterns)
        rows = await self._engine.read(self._repositories, {"last": _spoken(last), "limit": limit})
        return [RepositoryName(row[0]) for row in rows]

    async def search(self, term: str, limit: int, sight: Sight = EVERYTHING) -> list[RepositoryName]:
        """The same whose name contains ``term``, which is lower case; "" finds all.

        Reads names in order until ``limit`` match: at worst each name once, 75 ms for a million.
        """
        if NUL in term:
            return []
        literal = "".join(f"{ESCAPE}{letter}" if letter in _WILD else letter for letter in term)
        if sight.patterns is not None:
            return await self._seen.search(f"%{literal}%", limit, sight.patterns)
        rows = await self._engine.read(self._search, {"pattern": f"%{literal}%", "limit": limit})
        return [RepositoryName(row[0]) for row in rows]

    async def tags(self, name: RepositoryName, last: str, limit: int) -> list[Tag]:
        """Tags of a repository; ``limit`` -1: all."""
        most = EVERY if limit < 0 else limit
        rows = await self._engine.read(self._tags, {"repository": name, "last": _spoken(last), "limit": most})
        return [Tag(row[0]) for row in rows]

    async def known_repositories(self, last: str, limit: int) -> list[RepositoryName]:
        """Repositories that hold, or have held, anything."""
        rows = await self._engine.read(self._all_repositories, {"last": last, "limit": limit})
        return [RepositoryName(row[0]) for row in rows]

    async def drop_empty(self, name: RepositoryName, witness: Callable[[Transaction], None]) -> None:
        """Forget a repository that holds nothing; ``witness`` is called where it was there."""

        def drop(tx: Transaction) -> None:
            if tx.execute(self._drop_empty, {"repository": name}):
                self._matches.forget(name, tx)
                witness(tx)

        await self._engine.write(drop)

    async def tag_entries(self, name: RepositoryName, last: str, limit: int) -> list[TagEntry]:
        """Tags of a repository and what they point to."""
        rows = await self._engine.read(self._tag_entries, {"repository": name, "last": last, "limit": limit})
        return [TagEntry(Tag(row[0]), Digest(row[1]), float(row[2] or 0)) for row in rows]

    async def tag_targets(self, name: RepositoryName, last: str, limit: int) -> list[tuple[Tag, Digest]]:
        """The same without the moment."""
        return [(entry.tag, entry.digest) for entry in await self.tag_entries(name, last, limit)]

    async def revisions(self, name: RepositoryName, last: str, limit: int) -> list[Digest]:
        """Manifests of a repository."""
        rows = await self._engine.read(self._revisions, {"repository": name, "last": last, "limit": limit})
        return [Digest(row[0]) for row in rows]

    async def layers(self, name: RepositoryName, last: str, limit: int) -> list[tuple[Digest, Digest]]:
        """Blobs of a repository, and under which digest their bytes lie."""
        rows = await self._engine.read(self._layers, {"repository": name, "last": last, "limit": limit})
        return [(Digest(row[0]), Digest(row[1])) for row in rows]

    async def tags_of(self, name: RepositoryName, digest: Digest) -> list[Tag]:
        """Tags that point to a manifest."""
        rows = await self._engine.read(self._tags_of, {"repository": name, "digest": digest})
        return [Tag(row[0]) for row in rows]

    async def referrers(
        self, name: RepositoryName, subject: Digest, artifact_type: str | None, last: str, limit: int
    ) -> list[Referrer]:
        """Manifests with this subject, by digest; of one artifact type unless that is None.

        Fewer than ``limit`` where the payloads of so many exceed :data:`REFERRERS_BYTES` in sum, but at least one.
        """
        if artifact_type is not None and NUL in artifact_type:
            return []
        values = _referring(name, subject, artifact_type, last)
        sizes = await self._engine.read(self._referrer_sizes, {**values, "limit": limit})
        fitting = _count_fitting(int(row[0] or 0) for row in sizes)
        rows = await self._engine.read(self._referrers, {**values, "limit": fitting})
        return [
            Referrer(StoredManifest(Digest(row[0]), str(row[1]), row[2]), row[3])  # type: ignore[arg-type]
            for row in rows
        ]

    async def more_referrers(
        self, name: RepositoryName, subject: Digest, artifact_type: str | None, last: Digest
    ) -> bool:
        """Whether there are such manifests after ``last``."""
        values = _referring(name, subject, artifact_type, last)
        return bool(await self._engine.read(self._referrer_sizes, {**values, "limit": 1}))


def _spoken(last: str) -> str:
    """What a client gave as the last entry of its page, up to a NUL: no name holds one, so the same entries follow."""
    return last.partition(NUL)[0]


def _referring(name: RepositoryName, subject: Digest, artifact_type: str | None, last: str) -> dict[str, Value]:
    return {
        "repository": name,
        "subject": subject,
        "any_type": int(artifact_type is None),
        "artifact_type": artifact_type or "",
        "last": last,
    }


def _count_fitting(sizes: Iterable[int]) -> int:
    """How many, from the first on, have :data:`REFERRERS_BYTES` in sum; at least one."""
    within = takewhile(lambda total: total <= REFERRERS_BYTES, accumulate(sizes))
    return max(1, sum(1 for _ in within))
