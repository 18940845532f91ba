# SPDX-License-Identifier: Apache-2.0
"""Pages of the feed of events, with what somebody sees of them.

What a pattern matches is asked of the pattern itself and not of its rows: those of a repository go with it, and that it
was removed is an event, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from sqlalchemy import bindparam, select

from entrepot.index.engine import Engine, Transaction
from entrepot.index.outbox import StoredEvent
from entrepot.index.people_schema import PATTERNS
from entrepot.index.schema import EVENTS
from entrepot.index.sight import Sight
from entrepot.index.statements import Statement
from entrepot.oci.globs import Globs

WINDOW = 1000
"""Events that are looked at in one read."""

WINDOWS = 5
"""Reads for one page at most: who sees little does not make one request read millions."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """``events`` that are seen, of those behind the position that was asked for. ``until``: where to go on; at the end
    of the feed that of the last event that was seen, so that it tells nothing of others, else that of the last one that
    was looked at: more may follow where no event was seen. ``first``: of the first one that was looked at, None where
    there was none.
    """

    events: Sequence[StoredEvent]
    until: int
    first: int | None


class SeenEvents:
    """The feed as people see it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = engine.dialect
        position = EVENTS.c.position
        self._window = Statement.compile(
            select(position, EVENTS.c.repository).where(position > bindparam("after")).order_by(position).limit(WINDOW),
            dialect,
        )
        self._bodies = Statement.compile(
            select(position, EVENTS.c.created_at, EVENTS.c.body)
            .where(position >= bindparam("first"), position <= bindparam("last"))
            .order_by(position),
            dialect,
        )
        self._pattern = Statement.compile(
            select(PATTERNS.c.pattern).where(PATTERNS.c.id == bindparam("of"), PATTERNS.c.pattern > ""), dialect
        )

    async def page(self, after: int, limit: int, sight: Sight) -> EventPage:
        """At most ``limit`` events behind the position ``after``, in order."""
        return await self._engine.read_together(partial(self._page, after, limit, sight))

    def _page(self, after: int, limit: int, sight: Sight, tx: Transaction) -> EventPage:
        shows = self._what_shows(sight, tx)
        events: list[StoredEvent] = []
        first, until = None, after
        for _ in range(WINDOWS):
            rows = tx.all(self._window, {"after": until})
            if rows and first is None:
                first = int(rows[0][0] or 0)
            seen = [int(row[0] or 0) for row in rows if shows(None if row[1] is None else str(row[1]))]
            events += self._read(seen[: limit - len(events)], tx)
            if len(events) == limit:
                return EventPage(events, events[-1].position, first)
            if len(rows) < WINDOW:
                return EventPage(events, events[-1].position if events else after, first)
            until = int(rows[-1][0] or 0)
        return EventPage(events, until, first)

    def _read(self, positions: Sequence[int], tx: Transaction) -> list[StoredEvent]:
        if not positions:
            return []
        wanted = frozenset(positions)
        rows = tx.all(self._bodies, {"first": positions[0], "last": positions[-1]})
        events = (StoredEvent(int(row[0] or 0), float(row[1] or 0), str(row[2])) for row in rows)
        return [event for event in events if event.position in wanted]

    def _what_shows(self, sight: Sight, tx: Transaction) -> Callable[[str | None], bool]:
        """Whether events of a repository are seen; None: of those that speak of none."""
        if sight.patterns is None:
            return lambda repository: sight.audit or repository is not None
        patterns = [tx.one(self._pattern, {"of": pattern}) for pattern in sorted(sight.patterns)]
        globs = Globs([str(row[0]) for row in patterns if row is not None])
        return cache(lambda repository: sight.audit if repository is None else globs.match(repository))
