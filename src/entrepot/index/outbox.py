# SPDX-License-Identifier: Apache-2.0
"""Events between the change that made them and whoever is told of them.

An event is written in the transaction of its change, without a position. One job gives positions afterwards, each one
more than the last: a number taken inside the transaction could become visible after a higher one, and whoever reads on
from the higher one would never see it.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import ColumnElement, bindparam, delete, insert, select, update
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql import ClauseElement

from entrepot.index.changes import ROWS
from entrepot.index.engine import Engine, Transaction
from entrepot.index.schema import EVENT_ENDPOINTS, EVENTS
from entrepot.index.statements import Row, Statement, Value, insert_replacing
from entrepot.oci.names import RepositoryName


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One event of the feed; ``body`` is its JSON."""

    position: int
    created_at: float
    body: str


@dataclass(frozen=True, slots=True)
class Extent:
    """Positions of the oldest and the newest event of the feed."""

    oldest: int
    newest: int


_WRITTEN = ("created_at", "body", "repository")


class OutboxWriter:
    """Writes events in transactions of others."""

    def __init__(self, dialect: Dialect) -> None:
        row: dict[str, ColumnElement[object]] = {name: bindparam(name) for name in _WRITTEN}
        self._insert = Statement.compile(insert(EVENTS).inline().values(row), dialect)

    def add(self, created_at: float, body: str, tx: Transaction, repository: RepositoryName | None = None) -> None:
        """Write an event; ``created_at`` in seconds since 1970. ``repository``: who sees it sees the event; None: the
        event speaks of none, and whoever sees everything sees it.
        """
        tx.execute(self._insert, {"created_at": created_at, "body": body, "repository": repository})


class Outbox:
    """The feed of events, and how far each endpoint was told."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = engine.dialect
        self.writer = OutboxWriter(dialect)
        self._waiting = Statement.compile(
            select(EVENTS.c.id).where(EVENTS.c.position.is_(None)).order_by(EVENTS.c.id).limit(ROWS), dialect
        )
        self._place = Statement.compile(
            update(EVENTS).where(EVENTS.c.id == bindparam("of")).values(position=bindparam("at")), dialect
        )
        self._oldest = Statement.compile(_end(EVENTS.c.position.asc()), dialect)
        self._newest = Statement.compile(_end(EVENTS.c.position.desc()), dialect)
        self._after = Statement.compile(
            select(EVENTS.c.position, EVENTS.c.created_at, EVENTS.c.body)
            .where(EVENTS.c.position > bindparam("after"))
            .order_by(EVENTS.c.position)
            .limit(bindparam("most")),
            dialect,
        )
        self._drop = Statement.compile(
            delete(EVENTS).where(EVENTS.c.position > 0, EVENTS.c.position <= bindparam("until")), dialect
        )
        self._told = Statement.compile(select(EVENT_ENDPOINTS.c.position, EVENT_ENDPOINTS.c.name), dialect)
        self._tell = Statement.compile(insert_replacing(EVENT_ENDPOINTS, ("name",)), dialect)
        self._forget = Statement.compile(
            delete(EVENT_ENDPOINTS).where(EVENT_ENDPOINTS.c.name == bindparam("which")), dialect
        )

    async def add(self, bodies: Sequence[str]) -> None:
        """Write events that belong to no change and speak of no repository."""
        await self.add_of([(None, body) for body in bodies])

    async def add_of(self, events: Sequence[tuple[RepositoryName | None, str]]) -> None:
        """The same of repositories (pulls), at most ``ROWS`` in a transaction."""
        for start in range(0, len(events), ROWS):
            await self._engine.write(partial(self._add, events[start : start + ROWS]))

    async def waiting(self) -> bool:
        """Whether there are events without a position. Costs microseconds."""
        return await self._engine.read_one(self._waiting, *self._waiting.bind({})) is not None

    async def place(self) -> int:
        """Give the next positions to events that have none, at most ``ROWS`` of them; returns how many."""
        return await self._engine.write(self._give_positions)

    async def extent(self) -> Extent | None:
        """Where the feed begins and ends; None while it is empty."""
        oldest = await self._engine.read(self._oldest, {})
        newest = await self._engine.read(self._newest, {})
        return _extent([*oldest, *newest])

    async def page(self, after: int, limit: int) -> list[StoredEvent]:
        """The first ``limit`` events behind the position ``after``, in order."""
        rows = await self._engine.read(self._after, {"after": after, "most": limit})
        return [StoredEvent(_number(row), float(row[1] or 0), str(row[2])) for row in rows]

    async def drop(self, until: int) -> int:
        """Remove the oldest events up to the position ``until``, at most ``ROWS`` and never the newest: the next
        position is counted from it. Returns how many.
        """
        return await self._engine.write(partial(self._drop_oldest, until))

    async def told(self) -> Mapping[str, int]:
        """How far each endpoint was told: its name and the position of the last event that counts as delivered."""
        return {str(row[1]): _number(row) for row in await self._engine.read(self._told, {})}

    async def tell(self, positions: Mapping[str, int]) -> None:
        """Remember that these endpoints were told up to these positions."""
        await self._engine.write(partial(self._set, positions))

    async def forget(self, endpoints: Iterable[str]) -> None:
        """These endpoints are no more."""
        for name in endpoints:
            await self._engine.write(partial(self._remove, name))

    def _add(self, events: Sequence[tuple[RepositoryName | None, str]], tx: Transaction) -> None:
        now = time.time()
        for repository, body in events:
            self.writer.add(now, body, tx, repository)

    def _give_positions(self, tx: Transaction) -> int:
        """A feed that never held an event begins at the time in milliseconds: whoever kept a position of an index that
        was removed since finds that it is behind this one, and not by chance ahead.
        """
        last = tx.one(self._newest, {})
        newest = int(time.time() * 1000) if last is None else _number(last)
        rows = tx.all(self._waiting, {})
        for position, row in enumerate(rows, newest + 1):
            tx.execute(self._place, {"of": row[0], "at": position})
        return len(rows)

    def _drop_oldest(self, until: int, tx: Transaction) -> int:
        extent = _extent([*tx.all(self._oldest, {}), *tx.all(self._newest, {})])
        if extent is None:
            return 0
        return tx.execute(self._drop, {"until": min(until, extent.newest - 1, extent.oldest + ROWS - 1)})

    def _set(self, positions: Mapping[str, int], tx: Transaction) -> None:
        for name, position in positions.items():
            row: dict[str, Value] = {"name": name, "position": position}
            tx.execute(self._tell, row)

    def _remove(self, name: str, tx: Transaction) -> None:
        tx.execute(self._forget, {"which": name})


def _end(order: ColumnElement[int]) -> ClauseElement:
    return select(EVENTS.c.position).where(EVENTS.c.position > 0).order_by(order).limit(1)


def _extent(ends: Sequence[Row]) -> Extent | None:
    return Extent(_number(ends[0]), _number(ends[-1])) if ends else None


def _number(row: Row) -> int:
    """The position, first in each row that has one."""
    return int(row[0] or 0)
