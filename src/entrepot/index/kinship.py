# SPDX-License-Identifier: Apache-2.0
"""What keeps a manifest alive in its repository: tags, indexes that name it, the subject that it refers to."""

from collections.abc import Iterable, Sequence

from sqlalchemy import BindParameter, bindparam, exists, false, select
from sqlalchemy.engine.interfaces import Dialect

from entrepot.index.engine import Transaction
from entrepot.index.schema import REFERENCES, REVISIONS, TAGS
from entrepot.index.statements import Row, Statement
from entrepot.oci.digests import Digest
from entrepot.oci.names import Tag


class Kinship:
    """The questions, each one statement. ``here`` is the id of a repository."""

    def __init__(self, dialect: Dialect) -> None:
        here = REVISIONS.c.repository_id == bindparam("here")
        visible = REVISIONS.c.hidden == false()
        one: BindParameter[str] = bindparam("digest")
        naming = (REFERENCES.c.kind == "manifest", REFERENCES.c.target == one)
        held = exists().where(here, visible, REVISIONS.c.digest == REFERENCES.c.manifest)  # joined, all were read
        named = (REFERENCES.c.manifest == one, REFERENCES.c.kind == "manifest")
        self._revision = Statement.compile(
            select(REVISIONS.c.subject, REVISIONS.c.hidden).where(here, REVISIONS.c.digest == one), dialect
        )
        self._tags = Statement.compile(
            select(TAGS.c.name).where(TAGS.c.repository_id == bindparam("here"), TAGS.c.digest == one), dialect
        )
        self._parents = Statement.compile(select(REFERENCES.c.manifest).where(*naming, held), dialect)
        self._children = Statement.compile(select(REFERENCES.c.target).where(*named), dialect)
        self._referrers = Statement.compile(select(REVISIONS.c.digest).where(here, REVISIONS.c.subject == one), dialect)

    def is_held(self, here: int, digest: Digest, tx: Transaction) -> bool:
        """Whether the repository holds the manifest, in the trash or not."""
        return tx.one(self._revision, {"here": here, "digest": digest}) is not None

    def is_visible(self, here: int, digest: Digest, tx: Transaction) -> bool:
        """Whether the repository holds the manifest and it is not in the trash."""
        row = tx.one(self._revision, {"here": here, "digest": digest})
        return row is not None and not row[1]

    def is_hidden(self, here: int, digest: Digest, tx: Transaction) -> bool:
        """Whether the repository holds the manifest, in the trash."""
        row = tx.one(self._revision, {"here": here, "digest": digest})
        return row is not None and bool(row[1])

    def subject(self, here: int, digest: Digest, tx: Transaction) -> Digest | None:
        """What the manifest refers to."""
        row = tx.one(self._revision, {"here": here, "digest": digest})
        return None if row is None or row[0] is None else Digest(row[0])

    def tags(self, here: int, digest: Digest, tx: Transaction) -> list[Tag]:
        """The tags that point to the manifest."""
        return [Tag(row[0]) for row in tx.all(self._tags, {"here": here, "digest": digest})]

    def parents(self, here: int, digest: Digest, tx: Transaction) -> list[Digest]:
        """The visible indexes that name the manifest."""
        return _digests(tx.all(self._parents, {"here": here, "digest": digest}))

    def kin(self, here: int, digest: Digest, tx: Transaction) -> list[Digest]:
        """Whom the manifest keeps alive: those that it names, and those that refer to it."""
        children = tx.all(self._children, {"digest": digest})
        return _digests([*children, *tx.all(self._referrers, {"here": here, "digest": digest})])

    def is_kept(self, here: int, digest: Digest, tx: Transaction) -> bool:
        """Whether a tag, an index or a subject keeps the manifest alive."""
        return self._kept(here, digest, set(), set(), tx)

    def find_orphans(
        self, here: int, gone: Iterable[Digest], untagged: Sequence[tuple[Tag, Digest]], tx: Transaction
    ) -> list[Digest]:
        """The manifests that nothing keeps alive any more once ``gone`` and the tags ``untagged`` are not there: those
        that these kept alive, and those that they kept.
        """
        without = {tag for tag, _ in untagged}
        dead = set(gone)
        waiting = [digest for _, digest in untagged]
        for digest in dead:
            waiting += self.kin(here, digest, tx)
        orphans = []
        while waiting:
            digest = waiting.pop()
            if digest in dead or not self.is_visible(here, digest, tx) or self._kept(here, digest, dead, without, tx):
                continue
            dead.add(digest)
            orphans.append(digest)
            waiting += self.kin(here, digest, tx)
        return orphans

    def _kept(self, here: int, digest: Digest, dead: set[Digest], without: set[Tag], tx: Transaction) -> bool:
        if set(self.tags(here, digest, tx)) - without or set(self.parents(here, digest, tx)) - dead:
            return True
        subject = self.subject(here, digest, tx)
        return subject is not None and subject not in dead and self.is_visible(here, subject, tx)


def _digests(rows: Iterable[Row]) -> list[Digest]:
    return [Digest(row[0]) for row in rows]
