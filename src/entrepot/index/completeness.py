# SPDX-License-Identifier: Apache-2.0
"""Whether the index knows all that storage holds: of one repository, and of all.

Once true it stays true, since every change tells the index. What another program does to storage while none of our
processes holds it is found by a comparison after the next start.
"""

from sqlalchemy import bindparam, select, true, update

from entrepot.index.engine import Engine, Transaction
from entrepot.index.schema import KEPT, REPOSITORIES
from entrepot.index.statements import Statement, insert_replacing
from entrepot.oci.names import RepositoryName

_COMPLETE = "complete"


class Completeness:
    """Remembers the answer yes, which cannot change."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known = False
        dialect = engine.dialect
        self._whole = Statement.compile(select(KEPT.c.value).where(KEPT.c.key == bindparam("a_key")), dialect)
        self._set_whole = Statement.compile(insert_replacing(KEPT, ("key",)), dialect)
        self._one = Statement.compile(
            select(REPOSITORIES.c.complete).where(REPOSITORIES.c.name == bindparam("a_name")), dialect
        )
        self._set_one = Statement.compile(
            update(REPOSITORIES).where(REPOSITORIES.c.name == bindparam("of")).values(complete=true()), dialect
        )

    async def whole(self) -> bool:
        """Whether all of storage is known."""
        self._known = self._known or await self._engine.read_one(self._whole, _COMPLETE) is not None
        return self._known

    async def of(self, name: RepositoryName) -> bool:
        """Whether all that storage holds of this repository is known."""
        if await self.whole():
            return True
        row = await self._engine.read_one(self._one, name)
        return row is not None and bool(row[0])

    async def mark(self, name: RepositoryName) -> None:
        """All of this repository is known. One that the index has never heard of stays unknown."""
        await self._engine.write(lambda tx: tx.execute(self._set_one, {"of": name}))

    async def mark_whole(self) -> None:
        """All of storage is known."""

        def mark(tx: Transaction) -> None:
            tx.execute(self._set_whole, {"key": _COMPLETE, "value": "1"})

        await self._engine.write(mark)
