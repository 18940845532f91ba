# SPDX-License-Identifier: Apache-2.0
"""Repositories that somebody sees who does not see all: pages of what some patterns match, by keyset.

One read for each pattern, and the pages merged: a page costs patterns times page, however much the registry holds.
"""

import heapq
from collections.abc import Mapping, Sequence
from itertools import groupby, islice

from sqlalchemy import BindParameter, ColumnElement, bindparam, exists, false, select

from entrepot.index.engine import Engine, Transaction
from entrepot.index.people_schema import MATCHES
from entrepot.index.schema import REPOSITORIES, REVISIONS
from entrepot.index.statements import Statement, Value
from entrepot.oci.names import RepositoryName

ESCAPE = "!"
"""Before a letter of a search that would stand for others. Not a backslash, which databases read differently."""


class Seen:
    """Names after ``last`` that one of ``patterns``, which are ids, matches; of repositories that hold manifests."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        limit: BindParameter[int] = bindparam("limit")
        name = MATCHES.c.repository
        page = (
            select(name)
            .where(MATCHES.c.pattern_id == bindparam("of"), name > bindparam("last"))
            .where(REPOSITORIES.c.name == name, holds_manifests())
            .order_by(name)
            .limit(limit)
        )
        self._page = Statement.compile(page, engine.dialect)
        self._search = Statement.compile(page.where(name.like(bindparam("pattern"), escape=ESCAPE)), engine.dialect)

    async def page(self, last: str, limit: int, patterns: frozenset[int]) -> list[RepositoryName]:
        """The first ``limit`` of them, in bytewise order."""
        return await self._merge(self._page, {"last": last, "limit": limit}, patterns)

    async def search(self, pattern: str, limit: int, patterns: frozenset[int]) -> list[RepositoryName]:
        """The same of those that are LIKE ``pattern``, from the first on."""
        return await self._merge(self._search, {"pattern": pattern, "last": "", "limit": limit}, patterns)

    async def _merge(
        self, statement: Statement, values: Mapping[str, Value], patterns: frozenset[int]
    ) -> list[RepositoryName]:
        def read(tx: Transaction) -> Sequence[list[str]]:
            pages = (tx.all(statement, {**values, "of": pattern}) for pattern in sorted(patterns))
            return [[str(row[0]) for row in page] for page in pages]

        pages = await self._engine.read_together(read) if patterns else ()
        once = (name for name, _ in groupby(heapq.merge(*pages)))
        return [RepositoryName(name) for name in islice(once, int(values["limit"] or 0))]


def holds_manifests() -> ColumnElement[bool]:
    """Whether a repository is in lists."""
    return exists().where(REVISIONS.c.repository_id == REPOSITORIES.c.id, REVISIONS.c.hidden == false())
