# SPDX-License-Identifier: Apache-2.0
"""What would die of many tags and manifests at once, in any number of repositories, and the bytes that would come free.

:mod:`entrepot.index.reclaim` asks this of one deletion; a blob that two repositories share comes free only where all
goes that needs it, so a sum over repositories would be too little.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import bindparam, select

from entrepot.index.changes import ROWS
from entrepot.index.engine import Engine, Transaction
from entrepot.index.kinship import Kinship
from entrepot.index.schema import BLOBS, LAYERS, REFERENCES, REPOSITORIES, REVISIONS, TRASH
from entrepot.index.statements import Row, Statement, Value
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag

Going = Mapping[RepositoryName, frozenset[Digest]]
"""The manifests that go, by repository."""


@dataclass(frozen=True, slots=True)
class Dying:
    """Manifests of one repository: those that lose their last tag with what these kept alive, and the other ones."""

    orphaned: frozenset[Digest]
    untagged: frozenset[Digest]


@dataclass(frozen=True, slots=True)
class Freed:
    """Bytes that nothing needs any more, and in how many blobs."""

    size: int
    blobs: int


class Forecasts:
    """Computes them; costs a few lookups for each manifest and blob that would go."""

    def __init__(self, engine: Engine, kinship: Kinship) -> None:
        self._engine = engine
        self._kinship = kinship
        dialect = engine.dialect
        of = bindparam("of", type_=BLOBS.c.digest.type)
        limit = bindparam("limit", type_=REPOSITORIES.c.id.type)
        named = REPOSITORIES.c.name == bindparam("repository")
        self._here = Statement.compile(select(REPOSITORIES.c.id).where(named), dialect)
        self._named = Statement.compile(
            select(REFERENCES.c.target).where(REFERENCES.c.manifest == of, REFERENCES.c.kind == "blob"), dialect
        )
        self._content = Statement.compile(
            select(LAYERS.c.content).where(named, LAYERS.c.repository_id == REPOSITORIES.c.id, LAYERS.c.digest == of),
            dialect,
        )
        self._size = Statement.compile(select(BLOBS.c.size).where(BLOBS.c.digest == of), dialect)
        in_revision = (REPOSITORIES.c.name, REVISIONS.c.digest)
        in_trash = (TRASH.c.repository, TRASH.c.digest)
        here = REPOSITORIES.c.id == REVISIONS.c.repository_id
        naming = (REFERENCES.c.target == of, REFERENCES.c.kind == "blob")
        users = (
            select(*in_revision).where(REVISIONS.c.digest == of, here),
            select(*in_revision).where(*naming, REVISIONS.c.digest == REFERENCES.c.manifest, here),
            select(*in_trash).where(TRASH.c.digest == of),
            select(*in_trash).where(REFERENCES.c.target == of, TRASH.c.digest == REFERENCES.c.manifest),
        )
        self._users = {str(number): Statement.compile(one.limit(limit), dialect) for number, one in enumerate(users)}
        self._linking = Statement.compile(
            select(REPOSITORIES.c.name)
            .where(LAYERS.c.content == of, REPOSITORIES.c.id == LAYERS.c.repository_id)
            .limit(limit),
            dialect,
        )

    async def dying(
        self, name: RepositoryName, tags: Sequence[tuple[Tag, Digest]], untagged: Sequence[Digest]
    ) -> Dying:
        """What dies where ``tags``, which point to these, and the manifests ``untagged`` go."""

        def ask(tx: Transaction) -> Dying:
            row = tx.one(self._here, {"repository": name})
            if row is None:
                return Dying(frozenset(), frozenset())
            here = int(row[0] or 0)
            orphaned = frozenset(self._kinship.find_orphans(here, (), tags, tx))
            roots = [*tags, *((Tag(""), digest) for digest in untagged)]
            return Dying(orphaned, frozenset(self._kinship.find_orphans(here, (), roots, tx)) - orphaned)

        return await self._engine.read_together(ask)

    async def weigh(self, going: Going) -> Freed:
        """The bytes that only these manifests need. What is touched meanwhile may count as it was or as it is."""
        contents: set[Digest] = set()
        for name, manifests in going.items():
            for some in _slices(manifests):
                contents |= await self._engine.read_together(partial(self._contents, name, some))
        size = blobs = 0
        for some in _slices(contents):
            sizes = await self._engine.read_together(partial(self._free, going, some))
            size, blobs = size + sum(sizes), blobs + len(sizes)
        return Freed(size, blobs)

    def _contents(self, name: RepositoryName, manifests: Sequence[Digest], tx: Transaction) -> set[Digest]:
        """The manifests themselves and the bytes of the blobs that they name."""
        contents = set(manifests)
        for manifest in manifests:
            for row in tx.all(self._named, {"of": manifest}):
                held = tx.one(self._content, {"repository": name, "of": row[0]})
                contents.add(Digest(row[0] if held is None else held[0]))
        return contents

    def _free(self, going: Going, contents: Sequence[Digest], tx: Transaction) -> list[int]:
        """The sizes of those that nothing else needs."""
        sizes = []
        for digest in contents:
            row = tx.one(self._size, {"of": digest})
            if row is not None and not self._needed(going, digest, tx):
                sizes.append(int(row[0] or 0))
        return sizes

    def _needed(self, going: Going, digest: Digest, tx: Transaction) -> bool:
        """Whether anything needs it that does not go. One row more than go is enough to know."""
        values: dict[str, Value] = {"of": digest, "limit": sum(map(len, going.values())) + 1}
        using: list[Row] = []
        for statement in self._users.values():
            rows = tx.all(statement, values)
            if any(row[1] not in going.get(RepositoryName(row[0]), ()) for row in rows):
                return True
            using += rows
        # A link of which no manifest that goes is the reason: somebody uploaded or mounted it just now.
        reasons = {row[0] for row in using}
        return any(row[0] not in reasons for row in tx.all(self._linking, values))


def _slices(digests: Iterable[Digest]) -> Iterator[list[Digest]]:
    ordered = sorted(digests)
    for start in range(0, len(ordered), ROWS):
        yield ordered[start : start + ROWS]
