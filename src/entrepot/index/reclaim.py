# SPDX-License-Identifier: Apache-2.0
"""What a deletion would take along and give back, before anybody confirms it. Reads one state and changes nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from entrepot.index.engine import Engine, Transaction
from entrepot.index.kinship import Kinship
from entrepot.index.schema import BLOBS, LAYERS, REFERENCES, REPOSITORIES, REVISIONS, TAGS, TRASH
from entrepot.index.sight import EVERYTHING, Sight
from entrepot.index.statements import Statement, Value
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag


@dataclass(frozen=True, slots=True)
class Reclaim:
    """``freed``: bytes that nothing else needs, in ``freed_blobs`` blobs. ``shared``: those that stay, since another
    manifest, repository or the trash needs them.

    Who does not see all repositories is told of this one alone, so that ``freed`` is the most that can come free: else
    they could ask of any content whether somebody has it.
    """

    tags: tuple[Tag, ...]
    manifests: tuple[Digest, ...]
    freed: int
    freed_blobs: int
    shared: int
    shared_blobs: int


class Reclaims:
    """Computes them. Costs a few lookups for each manifest and blob that would go."""

    def __init__(self, engine: Engine, kinship: Kinship) -> None:
        self._engine = engine
        self._kinship = kinship
        dialect = engine.dialect
        of = bindparam("of", type_=BLOBS.c.digest.type)
        here = bindparam("here", type_=REPOSITORIES.c.id.type)
        naming = (REFERENCES.c.target == of, REFERENCES.c.kind == "blob", REVISIONS.c.digest == REFERENCES.c.manifest)
        self._here = Statement.compile(
            select(REPOSITORIES.c.id).where(REPOSITORIES.c.name == bindparam("repository")), dialect
        )
        self._all = Statement.compile(select(REVISIONS.c.digest).where(REVISIONS.c.repository_id == here), dialect)
        self._all_tags = Statement.compile(
            select(TAGS.c.name, TAGS.c.digest).where(TAGS.c.repository_id == here), dialect
        )
        self._tag = Statement.compile(
            select(TAGS.c.name, TAGS.c.digest).where(TAGS.c.repository_id == here, TAGS.c.name == bindparam("tag")),
            dialect,
        )
        self._layers = Statement.compile(
            select(LAYERS.c.digest, LAYERS.c.content).where(LAYERS.c.repository_id == here), dialect
        )
        self._named = Statement.compile(
            select(REFERENCES.c.target).where(REFERENCES.c.manifest == of, REFERENCES.c.kind == "blob"), dialect
        )
        self._content = Statement.compile(
            select(LAYERS.c.content).where(LAYERS.c.repository_id == here, LAYERS.c.digest == of), dialect
        )
        self._size = Statement.compile(select(BLOBS.c.size).where(BLOBS.c.digest == of), dialect)
        self._held_elsewhere = Statement.compile(
            select(LAYERS.c.digest).where(LAYERS.c.content == of, LAYERS.c.repository_id != here).limit(1), dialect
        )
        self._manifest_elsewhere = Statement.compile(
            select(REVISIONS.c.digest).where(REVISIONS.c.digest == of, REVISIONS.c.repository_id != here).limit(1),
            dialect,
        )
        self._named_here = Statement.compile(
            select(REVISIONS.c.digest).where(*naming, REVISIONS.c.repository_id == here).limit(bindparam("limit")),
            dialect,
        )
        self._named_elsewhere = Statement.compile(
            select(REVISIONS.c.digest).where(*naming, REVISIONS.c.repository_id != here).limit(1), dialect
        )
        in_trash = (TRASH.c.repository, TRASH.c.digest)
        self._trashed = Statement.compile(select(*in_trash).where(TRASH.c.digest == of), dialect)
        self._named_in_trash = Statement.compile(
            select(*in_trash).where(REFERENCES.c.target == of, TRASH.c.digest == REFERENCES.c.manifest), dialect
        )

    async def of_repository(self, name: RepositoryName, sight: Sight = EVERYTHING) -> Reclaim | None:
        """Of all that a repository holds; None where it is not known."""

        def ask(tx: Transaction) -> Reclaim | None:
            here = self._find(name, tx)
            if here is None:
                return None
            manifests = [Digest(row[0]) for row in tx.all(self._all, {"here": here})]
            tags = [Tag(row[0]) for row in tx.all(self._all_tags, {"here": here})]
            layers = {Digest(row[1]) for row in tx.all(self._layers, {"here": here})}
            return self._weigh(_Going(name, here, frozenset(manifests), sight), tags, layers, tx)

        return await self._engine.read_together(ask)

    async def of_manifest(self, name: RepositoryName, digest: Digest, sight: Sight = EVERYTHING) -> Reclaim | None:
        """Of a manifest with its tags and what it alone keeps alive; None where it is not here."""

        def ask(tx: Transaction) -> Reclaim | None:
            here = self._find(name, tx)
            if here is None or not self._kinship.is_held(here, digest, tx):
                return None
            tags = self._kinship.tags(here, digest, tx)
            orphans = self._kinship.find_orphans(here, (digest,), [(tag, digest) for tag in tags], tx)
            return self._weigh_some(_Going(name, here, frozenset([digest, *orphans]), sight), tags, tx)

        return await self._engine.read_together(ask)

    async def of_tag(self, name: RepositoryName, tag: Tag, sight: Sight = EVERYTHING) -> Reclaim | None:
        """Of a tag and what it alone keeps alive; None where it is not here."""

        def ask(tx: Transaction) -> Reclaim | None:
            here = self._find(name, tx)
            row = None if here is None else tx.one(self._tag, {"here": here, "tag": tag})
            if here is None or row is None:
                return None
            orphans = self._kinship.find_orphans(here, (), [(tag, Digest(row[1]))], tx)
            return self._weigh_some(_Going(name, here, frozenset(orphans), sight), [tag], tx)

        return await self._engine.read_together(ask)

    def _find(self, name: RepositoryName, tx: Transaction) -> int | None:
        row = tx.one(self._here, {"repository": name})
        return None if row is None else int(row[0] or 0)

    def _weigh_some(self, going: "_Going", tags: Sequence[Tag], tx: Transaction) -> Reclaim:
        contents = set()
        for manifest in going.manifests:
            for row in tx.all(self._named, {"of": manifest}):
                held = tx.one(self._content, {"here": going.here, "of": Digest(row[0])})
                if held is not None or going.sees_all:
                    contents.add(Digest(row[0] if held is None else held[0]))
        return self._weigh(going, tags, contents, tx)

    def _weigh(self, going: "_Going", tags: Iterable[Tag], blobs: set[Digest], tx: Transaction) -> Reclaim:
        freed = freed_blobs = shared = shared_blobs = 0
        for digest in blobs | going.manifests:
            row = tx.one(self._size, {"of": digest})
            size = 0 if row is None else int(row[0] or 0)
            if self._needed(going, digest, tx):
                shared, shared_blobs = shared + size, shared_blobs + 1
            elif row is not None:
                freed, freed_blobs = freed + size, freed_blobs + 1
        return Reclaim(tuple(sorted(tags)), tuple(sorted(going.manifests)), freed, freed_blobs, shared, shared_blobs)

    def _needed(self, going: "_Going", digest: Digest, tx: Transaction) -> bool:
        here: dict[str, Value] = {"of": digest, "here": going.here}
        elsewhere = (self._held_elsewhere, self._manifest_elsewhere, self._named_elsewhere)
        if going.sees_all and any(tx.one(question, here) for question in elsewhere):
            return True
        if self._kinship.is_held(going.here, digest, tx) and digest not in going.manifests:
            return True
        named = tx.all(self._named_here, {**here, "limit": len(going.manifests) + 1})
        if any(row[0] not in going.manifests for row in named):
            return True
        trashed = [*tx.all(self._trashed, {"of": digest}), *tx.all(self._named_in_trash, {"of": digest})]
        return any(going.leaves(str(row[0]), str(row[1])) for row in trashed)


@dataclass(frozen=True, slots=True)
class _Going:
    """What would go from one repository, for somebody of this sight."""

    name: RepositoryName
    here: int
    manifests: frozenset[Digest]
    sight: Sight

    @property
    def sees_all(self) -> bool:
        """Whether other repositories count, too."""
        return self.sight.patterns is None

    def leaves(self, repository: str, digest: str) -> bool:
        """Whether an entry of the trash stays, and counts."""
        return digest not in self.manifests if repository == self.name else self.sees_all
