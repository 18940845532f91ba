# SPDX-License-Identifier: Apache-2.0
"""Why a digest is kept, or when it went. For people who ask; reads what it needs, one question after another."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select

from entrepot.index.engine import Engine, Transaction
from entrepot.index.schema import BLOBS, COLLECTED, LAYERS, REFERENCES, REPOSITORIES, REVISIONS, TAGS, TRASH
from entrepot.index.statements import Statement
from entrepot.oci.digests import Digest

MOST = 20
"""Reasons of one kind that are told."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the index knows of a digest. Times are Unix seconds; each list has at most :data:`MOST` entries."""

    size: int | None
    touched_at: float | None
    condemned: bool
    collected_at: float | None
    tags: list[str]
    """``repository:tag`` that point to it."""

    manifest_in: list[str]
    """Repositories that hold it as a manifest."""

    named_by: list[tuple[str, Digest]]
    """Repositories and their manifests that name it, those in the trash with their links included."""

    linked_in: list[tuple[str, float]]
    """Repositories that hold it as a blob, and when that was last touched."""

    trashed_in: list[tuple[str, float]]
    """Repositories in whose trash it is, or a manifest that names it, and until when."""


class Explanations:
    """Asks for all of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        of = bindparam("of", type_=BLOBS.c.digest.type)
        here = REPOSITORIES.c.id
        named = (REFERENCES.c.target == of, REVISIONS.c.digest == REFERENCES.c.manifest)
        questions = {
            "blob": select(BLOBS.c.size, BLOBS.c.touched_at, BLOBS.c.condemned_at).where(BLOBS.c.digest == of),
            "collected": select(COLLECTED.c.collected_at).where(COLLECTED.c.digest == of),
            "tags": select(REPOSITORIES.c.name, TAGS.c.name)
            .where(REVISIONS.c.digest == of, here == REVISIONS.c.repository_id)
            .where(TAGS.c.repository_id == here, TAGS.c.digest == of),
            "manifests": select(REPOSITORIES.c.name).where(REVISIONS.c.digest == of, here == REVISIONS.c.repository_id),
            "named": select(REPOSITORIES.c.name, REVISIONS.c.digest).where(*named, here == REVISIONS.c.repository_id),
            "links": select(REPOSITORIES.c.name, LAYERS.c.touched_at).where(
                LAYERS.c.content == of, here == LAYERS.c.repository_id
            ),
            "trash": select(TRASH.c.repository, TRASH.c.due_at).where(TRASH.c.digest == of),
            "named in trash": select(TRASH.c.repository, TRASH.c.due_at).where(
                REFERENCES.c.target == of, TRASH.c.digest == REFERENCES.c.manifest
            ),
        }
        self._questions = {
            name: Statement.compile(question.limit(MOST), engine.dialect) for name, question in questions.items()
        }

    async def explain(self, digest: Digest) -> Explanation:
        """All that is known of ``digest``."""

        def ask(tx: Transaction) -> Explanation:
            rows = {name: tx.all(question, {"of": digest}) for name, question in self._questions.items()}
            size, touched_at, condemned_at = rows["blob"][0] if rows["blob"] else (None, None, None)
            return Explanation(
                size=None if size is None else int(size),
                touched_at=None if touched_at is None else float(touched_at),
                condemned=condemned_at is not None,
                collected_at=float(rows["collected"][0][0] or 0) if rows["collected"] else None,
                tags=[f"{name!s}:{tag!s}" for name, tag in rows["tags"]],
                manifest_in=[str(row[0]) for row in rows["manifests"]],
                named_by=[(str(name), Digest(by)) for name, by in rows["named"]],
                linked_in=[(str(name), float(at or 0)) for name, at in rows["links"]],
                trashed_in=[(str(name), float(at or 0)) for name, at in (*rows["trash"], *rows["named in trash"])],
            )

        return await self._engine.read_together(ask)
