# SPDX-License-Identifier: Apache-2.0
"""Which process does which job: one at a time. A lease keeps work from being done twice; it never guards data, which
has locks of its own, so a holder that was stopped past its lease and wakes up harms nothing.
"""

import time
from collections.abc import Callable

from sqlalchemy import bindparam, delete, select

from entrepot.index.engine import Engine, Transaction
from entrepot.index.schema import LEASES
from entrepot.index.statements import Statement, insert_replacing


class Leases:
    """The leases, as one process sees them. ``lives``: whether a holder's process is there."""

    def __init__(self, engine: Engine, holder: str, lives: Callable[[str], bool]) -> None:
        self._engine = engine
        self._holder = holder
        self._lives = lives
        dialect = engine.dialect
        self._get = Statement.compile(
            select(LEASES.c.holder, LEASES.c.expires_at).where(LEASES.c.job == bindparam("of")), dialect
        )
        self._set = Statement.compile(insert_replacing(LEASES, ("job",)), dialect)
        self._end = Statement.compile(
            delete(LEASES).where(LEASES.c.job == bindparam("of"), LEASES.c.holder == bindparam("mine")), dialect
        )

    async def take(self, job: str, seconds: float) -> bool:
        """Do ``job`` for so long, or longer where it is ours; False where another that lives does it."""

        def take(tx: Transaction) -> bool:
            row = tx.one(self._get, {"of": job})
            now = time.time()
            if row is not None and row[0] != self._holder:
                until = float(row[1] or 0)
                if now < until <= now + seconds and self._lives(str(row[0])):
                    return False
            tx.execute(self._set, {"job": job, "holder": self._holder, "expires_at": now + seconds})
            return True

        return await self._engine.write(take)

    async def end(self, job: str) -> None:
        """Let another do it at once."""
        await self._engine.write(lambda tx: tx.execute(self._end, {"of": job, "mine": self._holder}))
