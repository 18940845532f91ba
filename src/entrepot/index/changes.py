# SPDX-License-Identifier: Apache-2.0
"""Changes under way: an intent is the lock on a name, a pin keeps what a change needs (design: "Intent, truth, facts").

First the intents and pins are committed, then storage is changed, then one transaction records the new truth and
removes them. (Tried without: two workers moving one tag left storage and index disagreeing in 555 of 2,000 rounds.)
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Sequence
from functools import partial
from uuid import uuid4

from sqlalchemy import bindparam, delete, select, update

from entrepot.index.deeds import Deed
from entrepot.index.engine import Engine, Transaction
from entrepot.index.facts import Change, Name, OpenIntent, Truth
from entrepot.index.recorder import Recorder
from entrepot.index.schema import INTENTS, LAYERS, PINS, REPOSITORIES, REVISIONS
from entrepot.index.statements import Statement, Value, insert_absent
from entrepot.oci.errors import Unavailable
from entrepot.oci.names import RepositoryName

ROWS = 200
"""Rows in one transaction of a bulk writer (10,000 give pushers a p99 of 1.9 s, 200 give 19 ms)."""

AGAIN = 1.0
"""Seconds until a database that could not be reached is tried again."""


class NameBusy(Exception):  # the fact, not a fault
    """Another change holds one of the names or needs it; ``holders`` are those that may have died."""

    def __init__(self, holders: Sequence[str]) -> None:
        super().__init__(holders)
        self.holders = tuple(holders)


class PinsMissing(Exception):
    """What a change needs is not in the index; ``missing`` may still be in storage."""

    def __init__(self, missing: Sequence[Name]) -> None:
        super().__init__(missing)
        self.missing = tuple(missing)


class Changes:
    """Begins and finishes changes for one holder."""

    def __init__(self, engine: Engine, recorder: Recorder, holder: str) -> None:
        self._engine = engine
        self._recorder = recorder
        self._holder = holder
        self._left: set[str] = set()
        self._leaving: asyncio.Task[None] | None = None
        dialect = engine.dialect
        on_name = [INTENTS.c[key] == bindparam(key) for key in ("repository", "kind", "name")]
        pin_on_name = [PINS.c[key] == bindparam(key) for key in ("repository", "kind", "name")]
        here = select(REPOSITORIES.c.id).where(REPOSITORIES.c.name == bindparam("repository")).scalar_subquery()
        self._insert_intent = Statement.compile(insert_absent(INTENTS), dialect)
        self._insert_pin = Statement.compile(insert_absent(PINS), dialect)
        self._intent_holder = Statement.compile(select(INTENTS.c.holder).where(*on_name), dialect)
        self._pin_holders = Statement.compile(
            select(INTENTS.c.holder).where(INTENTS.c.change == PINS.c.change, *pin_on_name), dialect
        )
        self._held = {
            "blob": Statement.compile(
                select(LAYERS.c.digest).where(LAYERS.c.repository_id == here, LAYERS.c.digest == bindparam("name")),
                dialect,
            ),
            "manifest": Statement.compile(
                select(REVISIONS.c.digest).where(
                    REVISIONS.c.repository_id == here, REVISIONS.c.digest == bindparam("name")
                ),
                dialect,
            ),
        }
        self._delete_intents = Statement.compile(
            delete(INTENTS).where(INTENTS.c.change == bindparam("change")), dialect
        )
        self._delete_pins = Statement.compile(delete(PINS).where(PINS.c.change == bindparam("change")), dialect)
        self._abandon = Statement.compile(
            update(INTENTS).where(INTENTS.c.change == bindparam("of")).values(holder=bindparam("nobody")), dialect
        )
        self._take_over = Statement.compile(
            update(INTENTS)
            .where(INTENTS.c.change == bindparam("of"), INTENTS.c.holder == bindparam("dead"))
            .values(holder=bindparam("nobody")),
            dialect,
        )
        columns = (INTENTS.c.repository, INTENTS.c.kind, INTENTS.c.name, INTENTS.c.change, INTENTS.c.holder)
        self._open = Statement.compile(select(*columns), dialect)

    async def begin(self, change: Change) -> str:
        """Lock the names and pin what is needed; returns the change's id.

        Raises :class:`NameBusy` (nothing was locked; try again) or :class:`PinsMissing`.
        """
        identity = uuid4().hex
        try:
            await self._engine.write(partial(self._begin, change, identity))
        except (asyncio.CancelledError, Unavailable):
            await asyncio.shield(self.abandon(identity))  # it may have begun all the same
            raise
        return identity

    async def finish(
        self, change: str, repository: RepositoryName, truths: Iterable[Truth], deed: Deed | None = None
    ) -> None:
        """Record the names' truth and let go of them; ``deed`` says what was done.

        Finishing twice is harmless: the second finds no intent.
        """
        await self._engine.write(partial(self._finish, change, repository, tuple(truths), deed))

    async def abandon(self, change: str) -> None:
        """Let the next who wants the names settle them, since we could not.

        Where the database cannot be asked now that is tried until it can: our holder lives, so nobody else would.
        """
        self._left.add(change)
        try:
            await self._leave()
        except Unavailable:
            if self._leaving is None or self._leaving.done():
                self._leaving = asyncio.create_task(self._leave_later())

    async def _leave(self) -> None:
        left = tuple(self._left)

        def leave(tx: Transaction) -> None:
            for change in left:
                tx.execute(self._abandon, {"of": change, "nobody": ""})

        await self._engine.write(leave)
        self._left.difference_update(left)

    async def _leave_later(self) -> None:
        while self._left:
            await asyncio.sleep(AGAIN)
            with contextlib.suppress(Unavailable):
                await self._leave()

    async def take_over(self, change: str, holder: str) -> bool:
        """Hold what a dead ``holder`` held; False where another has taken it, or finished it, before."""
        values: dict[str, Value] = {"of": change, "dead": holder, "nobody": self._holder}
        return bool(await self._engine.write(lambda tx: tx.execute(self._take_over, values)))

    async def list_open(self) -> list[OpenIntent]:
        """All names under change."""
        return [_open_intent(row) for row in await self._engine.read(self._open, {})]

    def _begin(self, change: Change, identity: str, tx: Transaction) -> None:
        repository = {"repository": change.repository}
        self._check_pins(change, tx)
        begun: dict[str, Value] = {"change": identity, "holder": self._holder, "begun_at": time.time()}
        for name in change.names:
            key = {**repository, "kind": name.kind, "name": name.name}
            if change.removes:
                self._refuse_busy(tx.all(self._pin_holders, key))
            if not tx.execute(self._insert_intent, {**key, **begun}):
                self._refuse_busy(tx.all(self._intent_holder, key))
        for pin in change.pins:
            tx.execute(self._insert_pin, {**repository, "kind": pin.kind, "name": pin.name, "change": identity})

    def _check_pins(self, change: Change, tx: Transaction) -> None:
        missing = []
        for pin in change.pins:
            key = {"repository": change.repository, "kind": pin.kind, "name": pin.name}
            self._refuse_busy(tx.all(self._intent_holder, key))
            if tx.one(self._held[pin.kind], key) is None:
                missing.append(pin)
        if missing:
            raise PinsMissing(missing)

    def _refuse_busy(self, rows: Sequence[tuple[object, ...]]) -> None:
        if rows:
            raise NameBusy([str(row[0]) for row in rows])

    def _finish(
        self, change: str, repository: RepositoryName, truths: tuple[Truth, ...], deed: Deed | None, tx: Transaction
    ) -> None:
        if tx.execute(self._delete_intents, {"change": change}):
            self._recorder.record(repository, truths, tx, deed)
        tx.execute(self._delete_pins, {"change": change})


def _open_intent(row: tuple[object, ...]) -> OpenIntent:
    repository, kind, name, change, holder = (str(value) for value in row)
    return OpenIntent(RepositoryName(repository), Name(kind, name), change, holder)  # type: ignore[arg-type]
