# SPDX-License-Identifier: Apache-2.0
"""Links to blobs: added in one transaction, without an intent (see ``link``)."""

from functools import partial

from sqlalchemy import bindparam, select

from entrepot.index.changes import NameBusy
from entrepot.index.deeds import Deed
from entrepot.index.engine import Engine, Transaction
from entrepot.index.facts import BlobTruth, HeldBlob
from entrepot.index.recorder import Recorder
from entrepot.index.schema import INTENTS
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

    async def link(self, name: RepositoryName, digest: Digest, held: HeldBlob, deed: Deed | None = None) -> None:
        """The repository holds the blob: its link in storage is written. Raises ``NameBusy`` while it is being removed.

        The caller looks at the link once more afterwards: a removal may have ended between its write and this. That
        costs one read of a small file, where an intent would cost a second commit.
        """
        await self._engine.write(partial(self._link, name, digest, held, deed))

    def _link(self, name: RepositoryName, digest: Digest, held: HeldBlob, deed: Deed | None, tx: Transaction) -> None:
        busy = tx.all(self._intent, {"repository": name, "kind": "blob", "name": digest})
        if busy:
            raise NameBusy([str(row[0]) for row in busy])
        self._recorder.record(name, (BlobTruth(digest, held),), tx, deed)
