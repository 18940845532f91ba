# SPDX-License-Identifier: Apache-2.0
"""The pair that access tokens are signed with, where the configuration gives none: made once, the same for all who use
this database, and taken along by ``entrepot index move``.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import bindparam, select

from entrepot.index.engine import Engine, Transaction
from entrepot.index.people_schema import SIGNING_KEYS
from entrepot.index.statements import Row, Statement, Value, insert_absent

_TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class KeptPair:
    """A private key and its certificate, both as PEM."""

    key: str = field(repr=False)
    certificate: str


class SigningKeys:
    """What is kept of it. All raise ``Unavailable`` where the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        columns = (SIGNING_KEYS.c.key, SIGNING_KEYS.c.certificate)
        self._get = Statement.compile(select(*columns).where(SIGNING_KEYS.c.purpose == bindparam("of")), engine.dialect)
        self._add = Statement.compile(insert_absent(SIGNING_KEYS), engine.dialect)

    async def pair(self) -> KeptPair | None:
        """The pair, where one was made."""
        return _pair(await self._engine.read_one(self._get, _TOKENS))

    def pair_blocking(self) -> KeptPair | None:
        """The same for callers without a loop."""
        return _pair(self._engine.write_blocking(lambda tx: tx.one(self._get, {"of": _TOKENS})))

    async def agree(self, offered: KeptPair) -> KeptPair:
        """Keep ``offered`` unless another process was first; gives the pair that holds for all. Durable on return."""

        def agree(tx: Transaction) -> Row | None:
            pair: Mapping[str, Value] = {"key": offered.key, "certificate": offered.certificate}
            tx.execute(self._add, {"purpose": _TOKENS, "made_at": time.time(), **pair})
            return tx.one(self._get, {"of": _TOKENS})

        return _pair(await self._engine.write(agree)) or offered


def _pair(row: Row | None) -> KeptPair | None:
    return None if row is None else KeptPair(str(row[0]), str(row[1]))
