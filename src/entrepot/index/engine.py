# SPDX-License-Identifier: Apache-2.0
"""What the index asks of a database. One contract suite (``tests/index``) holds for each."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import Dialect

from entrepot.index.statements import Row, Statement, Value

Result = TypeVar("Result")


class Transaction(Protocol):
    """Statements inside one transaction. Only valid inside the function that got it."""

    def execute(self, statement: Statement, values: Mapping[str, Value]) -> int:
        """Run a change; returns how many rows it touched."""
        ...

    def one(self, statement: Statement, values: Mapping[str, Value]) -> Row | None:
        """The first row, or None."""
        ...

    def all(self, statement: Statement, values: Mapping[str, Value]) -> list[Row]:
        """All rows."""
        ...


Work = Callable[[Transaction], Result]


class Engine(Protocol):
    """One database, opened by one process.

    Writers queue, over all processes: a transaction sees all that committed before it began, and nobody commits while
    it runs. Methods raise ``Unavailable``, or ``StorageFull``, with what to do.
    """

    @property
    def dialect(self) -> Dialect:
        """What statements for it are compiled with."""
        ...

    async def read_one(self, statement: Statement, *values: Value) -> Row | None:
        """The hot path: the first row of a lookup by key. ``values`` in the order of the statement's text."""
        ...

    async def read(self, statement: Statement, values: Mapping[str, Value]) -> list[Row]:
        """A list, read in a thread."""
        ...

    async def read_together(self, work: Work[Result]) -> Result:
        """Several reads in a thread that all see the same state; ``work`` changes nothing."""
        ...

    async def write(self, work: Work[Result]) -> Result:
        """Run ``work`` in a transaction; durable on return. An exception of ``work`` undoes it alone.

        ``work`` runs in a thread, possibly twice (where the disk was full, or the connection lost), and touches nothing
        but its transaction. After ``Unavailable`` it may have been done all the same: the answer to a commit can be
        lost. Whoever must know asks again, or makes it so that twice is once.
        """
        ...

    def write_blocking(self, work: Work[Result]) -> Result:
        """The same for callers without a loop."""
        ...

    def alter(self, work: Callable[[Connection], None]) -> None:
        """Run ``work``, which changes tables, in one transaction while nobody else writes; all of it or nothing."""
        ...

    def check(self) -> None:
        """Raises ``Unavailable`` where the database is not the one that was opened: others would see another index."""
        ...

    def close(self) -> None:
        """Finish what was given to the writer, then close."""
        ...
