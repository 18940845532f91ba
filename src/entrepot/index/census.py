# SPDX-License-Identifier: Apache-2.0
"""How much there is. Counts whole tables: for people who ask, not for requests."""

from dataclasses import dataclass

from sqlalchemy import Table, func, select, true
from sqlalchemy.engine.interfaces import Dialect

from entrepot.index.engine import Engine
from entrepot.index.schema import BLOBS, MANIFESTS, REPOSITORIES, TAGS
from entrepot.index.statements import Statement


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows. ``complete``: repositories of which all is known."""

    repositories: int
    complete: int
    manifests: int
    tags: int
    blobs: int


class Census:
    """Counts what the index knows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tables = {table.name: _count(table, engine.dialect) for table in (REPOSITORIES, MANIFESTS, TAGS, BLOBS)}
        self._complete = Statement.compile(
            select(func.count()).select_from(REPOSITORIES).where(REPOSITORIES.c.complete == true()), engine.dialect
        )

    async def count(self) -> Counts:
        """As of now; a moment passes between one table and the next."""
        counted = {name: await self._read(statement) for name, statement in self._tables.items()}
        return Counts(complete=await self._read(self._complete), **counted)

    async def _read(self, statement: Statement) -> int:
        return int((await self._engine.read(statement, {}))[0][0] or 0)


def _count(table: Table, dialect: Dialect) -> Statement:
    return Statement.compile(select(func.count()).select_from(table), dialect)
