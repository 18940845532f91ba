# SPDX-License-Identifier: Apache-2.0
"""Records the truth of names. Called inside a transaction; recording the same truth twice changes nothing."""

import time
from collections.abc import Sequence

from sqlalchemy import Table, and_, bindparam, delete, select, update
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql import ClauseElement

from entrepot.index.deeds import Deed, TagMove, Witness
from entrepot.index.engine import Transaction
from entrepot.index.facts import BlobTruth, HeldBlob, ManifestFacts, ManifestTruth, TagTruth, Truth
from entrepot.index.matches import Matches
from entrepot.index.schema import BLOBS, LAYERS, MANIFESTS, REFERENCES, REPOSITORIES, REVISIONS, TAGS
from entrepot.index.statements import Statement, Value, insert_absent, insert_replacing
from entrepot.index.trash import Trash
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName


class Recorder:
    """The statements that write facts."""

    def __init__(self, dialect: Dialect, trash: Trash, witnesses: Sequence[Witness] = ()) -> None:
        self._trash = trash
        self._witnesses = witnesses
        self._matches = Matches(dialect)
        self._tag_target = Statement.compile(
            select(TAGS.c.digest).where(TAGS.c.repository_id == bindparam("here"), TAGS.c.name == bindparam("tag")),
            dialect,
        )
        self._find = Statement.compile(
            select(REPOSITORIES.c.id).where(REPOSITORIES.c.name == bindparam("name")), dialect
        )
        self._add_repository = Statement.compile(insert_absent(REPOSITORIES, "name"), dialect)
        self._set_tag = Statement.compile(insert_replacing(TAGS, ("repository_id", "name")), dialect)
        self._drop_tag = Statement.compile(
            delete(TAGS).where(and_(TAGS.c.repository_id == bindparam("here"), TAGS.c.name == bindparam("tag"))),
            dialect,
        )
        self._add_manifest = Statement.compile(
            insert_absent(MANIFESTS, "digest", "media_type", "artifact_type", "payload"), dialect
        )
        self._add_reference = Statement.compile(insert_absent(REFERENCES), dialect)
        self._add_revision = Statement.compile(
            insert_absent(REVISIONS, "repository_id", "digest", "subject", "pushed_at"), dialect
        )
        self._set_subject = Statement.compile(
            update(REVISIONS).where(REVISIONS.c.digest == bindparam("of")).values(subject=bindparam("is")), dialect
        )
        self._push_revision = Statement.compile(
            update(REVISIONS)
            .where(REVISIONS.c.repository_id == bindparam("here"), REVISIONS.c.digest == bindparam("of"))
            .values(pushed_at=bindparam("at")),
            dialect,
        )
        self._drop_revision = Statement.compile(_drop(REVISIONS), dialect)
        self._set_blob = Statement.compile(insert_replacing(BLOBS, ("digest",)), dialect)
        self._add_blob = Statement.compile(insert_replacing(BLOBS, ("digest",), "touched_at", "condemned_at"), dialect)
        self._set_layer = Statement.compile(insert_replacing(LAYERS, ("repository_id", "digest")), dialect)
        self._drop_layer = Statement.compile(_drop(LAYERS), dialect)

    def record(
        self, repository: RepositoryName, truths: Sequence[Truth], tx: Transaction, deed: Deed | None = None
    ) -> None:
        """Record ``truths`` of ``repository``; where somebody did something, ``deed`` is witnessed."""
        here = self._find_repository(repository, tx)
        if here is None:
            if not any(truth.present for truth in truths):
                return  # asking for what is not there makes no repository
            here = self._make_repository(repository, tx)
        moves: list[TagMove] = []
        for truth in truths:
            match truth:
                case TagTruth():
                    moves.extend(self._tag(here, truth, tx))
                    if truth.digest is not None:
                        self._trash.revive_hidden(here, repository, truth.digest, tx)
                case ManifestTruth():
                    self._membership(here, repository, truth, deed, tx)
                case BlobTruth():
                    self._blob(here, truth, tx)
        if deed is not None:
            self._judge(here, repository, truths, moves, deed, tx)

    def _judge(
        self,
        here: int,
        repository: RepositoryName,
        truths: Sequence[Truth],
        moves: Sequence[TagMove],
        deed: Deed,
        tx: Transaction,
    ) -> None:
        """Who died by ``deed``; then it is witnessed."""
        if deed.action == "delete":
            self._trash.bury(here, repository, truths, moves, deed, tx)
        for witness in self._witnesses:
            witness.witness(repository, truths, moves, deed, tx)

    def _find_repository(self, name: RepositoryName, tx: Transaction) -> int | None:
        row = tx.one(self._find, {"name": name})
        return None if row is None else int(row[0])  # type: ignore[arg-type]

    def _make_repository(self, name: RepositoryName, tx: Transaction) -> int:
        tx.execute(self._add_repository, {"name": name})
        made = self._find_repository(name, tx)
        assert made is not None  # noqa: S101 - just inserted in this transaction
        self._matches.meet(name, tx)
        return made

    def _tag(self, here: int, truth: TagTruth, tx: Transaction) -> list[TagMove]:
        row = tx.one(self._tag_target, {"here": here, "tag": truth.tag})
        old = None if row is None else Digest(row[0])
        if truth.digest is None:
            tx.execute(self._drop_tag, {"here": here, "tag": truth.tag})
        else:
            tx.execute(
                self._set_tag,
                {"repository_id": here, "name": truth.tag, "digest": truth.digest, "moved_at": time.time()},
            )
        return [] if old == truth.digest else [TagMove(truth.tag, old, truth.digest)]

    def _membership(
        self, here: int, repository: RepositoryName, truth: ManifestTruth, deed: Deed | None, tx: Transaction
    ) -> None:
        """A manifest, and whether it lives."""
        new = self._manifest(here, truth, tx)
        if deed is not None and truth.present:
            self._trash.revive(here, repository, truth.digest, tx)
            if deed.action != "delete":
                tx.execute(self._push_revision, {"here": here, "of": truth.digest, "at": deed.at})
        elif new:
            self._trash.meet(here, repository, truth.digest, tx)

    def _manifest(self, here: int, truth: ManifestTruth, tx: Transaction) -> bool:
        """Whether the repository holds it and did not before."""
        if truth.facts is None:
            if truth.opaque:
                tx.execute(self._add_revision, _revision(here, truth.digest, None))
            else:
                tx.execute(self._drop_revision, {"here": here, "gone": truth.digest})
            return False
        facts = truth.facts
        row: dict[str, Value] = {
            "digest": facts.digest,
            "media_type": facts.media_type,
            "artifact_type": facts.artifact_type,
            "payload": facts.payload,
        }
        if tx.execute(self._add_manifest, row):
            self._references(facts, tx)
        blob: dict[str, Value] = {"digest": facts.digest, "size": len(facts.payload), "verified": True}
        tx.execute(self._set_blob, {**blob, "touched_at": time.time(), "condemned_at": None})
        return bool(tx.execute(self._add_revision, _revision(here, facts.digest, facts.subject)))

    def _references(self, facts: ManifestFacts, tx: Transaction) -> None:
        """Of a manifest that was not understood before, where a repository held it."""
        kinds = (("blob", facts.blobs), ("manifest", facts.children))
        tx.execute(self._set_subject, {"of": facts.digest, "is": facts.subject})
        for kind, targets in kinds:
            for target in targets:
                tx.execute(self._add_reference, {"manifest": facts.digest, "kind": kind, "target": target})

    def _blob(self, here: int, truth: BlobTruth, tx: Transaction) -> None:
        if truth.held is None:
            tx.execute(self._drop_layer, {"here": here, "gone": truth.digest})
            return
        self.link(here, truth.digest, truth.held, tx)

    def link(self, here: int, digest: Digest, held: HeldBlob, tx: Transaction) -> None:
        """The repository with the id ``here`` holds the blob. What was verified before stays so."""
        now: dict[str, Value] = {"touched_at": time.time()}
        blob: dict[str, Value] = {"digest": held.content, "size": held.size, "verified": held.verified}
        tx.execute(self._set_blob if held.verified else self._add_blob, {**blob, **now, "condemned_at": None})
        tx.execute(self._set_layer, {"repository_id": here, "digest": digest, "content": held.content, **now})


def _revision(here: int, digest: Digest, subject: Digest | None) -> dict[str, Value]:
    return {"repository_id": here, "digest": digest, "subject": subject, "pushed_at": time.time()}


def _drop(table: Table) -> ClauseElement:
    return delete(table).where(and_(table.c.repository_id == bindparam("here"), table.c.digest == bindparam("gone")))
