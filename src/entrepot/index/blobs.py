# SPDX-License-Identifier: Apache-2.0
"""Links to blobs: added in one transaction, without an intent (see ``link``)."""

import time
from functools import partial

from sqlalchemy import and_, bindparam, exists, select, update

from entrepot.index.changes import NameBusy
from entrepot.index.deeds import Deed
from entrepot.index.engine import Engine, Transaction
from entrepot.index.facts import BlobTruth, HeldBlob
from entrepot.index.recorder import Recorder
from entrepot.index.schema import INTENTS, LAYERS, REFERENCES, REPOSITORIES, REVISIONS
from entrepot.index.statements import Statement
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName


class Blobs:
    """Facts of blobs."""

    def __init__(self, engine: Engine, recorder: Recorder) -> None:
        self._engine = engine
        self._recorder = recorder
        on_name = [INTENTS.c[key] == bindparam(key) for key in ("repository", "kind", "name")]
        self._intent = Statement.compile(select(INTENTS.c.holder).where(*on_name), engine.dialect)
        naming = (REFERENCES.c.target == LAYERS.c.digest, REVISIONS.c.digest == REFERENCES.c.manifest)
        self._neglected = Statement.compile(
            select(LAYERS.c.touched_at).where(
                REPOSITORIES.c.name == bindparam("a_repository"),
                and_(LAYERS.c.repository_id == REPOSITORIES.c.id, LAYERS.c.digest == bindparam("b_digest")),
                LAYERS.c.touched_at < bindparam("c_before"),
                ~exists().where(*naming, REVISIONS.c.repository_id == LAYERS.c.repository_id),
            ),
            engine.dialect,
        )
        here = select(REPOSITORIES.c.id).where(REPOSITORIES.c.name == bindparam("of")).scalar_subquery()
        self._touch = Statement.compile(
            update(LAYERS)
            .where(LAYERS.c.repository_id == here, LAYERS.c.digest == bindparam("one"))
            .values(touched_at=bindparam("now")),
            engine.dialect,
        )

    async def link(self, name: RepositoryName, digest: Digest, held: HeldBlob, deed: Deed | None = None) -> None:
        """The repository holds the blob: its link in storage is written. Raises ``NameBusy`` while it is being removed.

        The caller looks at the link once more afterwards: a removal may have ended between its write and this. That
        costs one read of a small file, where an intent would cost a second commit.
        """
        await self._engine.write(partial(self._link, name, digest, held, deed))

    async def is_neglected(self, name: RepositoryName, digest: Digest, before: float) -> bool:
        """Whether nobody touched the blob since ``before`` (Unix seconds) and no manifest here names it."""
        row = await self._engine.read_one(self._neglected, name, digest, before)
        return row is not None

    async def touch(self, name: RepositoryName, digest: Digest) -> bool:
        """Somebody is interested in the blob; False where it is not here. Raises ``NameBusy`` while it goes."""

        def touch(tx: Transaction) -> bool:
            self._refuse_busy(name, digest, tx)
            return bool(tx.execute(self._touch, {"of": name, "one": digest, "now": time.time()}))

        return await self._engine.write(touch)

    def _refuse_busy(self, name: RepositoryName, digest: Digest, tx: Transaction) -> None:
        busy = tx.all(self._intent, {"repository": name, "kind": "blob", "name": digest})
        if busy:
            raise NameBusy([str(row[0]) for row in busy])

    def _link(self, name: RepositoryName, digest: Digest, held: HeldBlob, deed: Deed | None, tx: Transaction) -> None:
        self._refuse_busy(name, digest, tx)
        self._recorder.record(name, (BlobTruth(digest, held),), tx, deed)
