# SPDX-License-Identifier: Apache-2.0
"""An index on a full disk: a commit is tried once more where room was made, else it is 507."""

from contextlib import closing
from pathlib import Path

import pytest

from entrepot.index.engine import Transaction
from entrepot.index.sqlite import SqliteEngine
from entrepot.index.statements import Statement
from entrepot.oci.errors import StorageFull


def statement(text: str) -> Statement:
    """A statement without parameters."""
    return Statement(text, (), {})


GROW = statement("INSERT INTO filling VALUES (zeroblob(1000000))")
COUNT = statement("SELECT count(*) FROM filling")


class Disk:
    """A disk that holds as many pages as SQLite is allowed to use."""

    def __init__(self, *, helps: bool) -> None:
        self.helps = helps
        self.pages = 10
        self.asked = 0

    def make_room(self) -> bool:
        """Called by the engine when a commit found no room."""
        self.asked += 1
        self.pages = 100_000 if self.helps else self.pages
        return self.helps

    def grow(self, tx: Transaction) -> None:
        """A change for which there is no room until some is made."""
        tx.one(statement(f"PRAGMA max_page_count={self.pages}"), {})
        tx.execute(GROW, {})


def make_table(tx: Transaction) -> None:
    """What :data:`GROW` writes to."""
    tx.execute(statement("CREATE TABLE filling (bytes)"), {})


async def test_room_is_made(path: Path) -> None:
    """Where room could be made the change succeeds, and its requester never knows."""
    disk = Disk(helps=True)
    with closing(SqliteEngine(path, disk.make_room)) as engine:
        await engine.write(make_table)
        await engine.write(disk.grow)
        assert await engine.read_one(COUNT) == (1,)
    assert disk.asked == 1


async def test_no_room_can_be_made(path: Path) -> None:
    """Where none could be made the change is 507 and undone; what is read is read, and later ones succeed."""
    disk = Disk(helps=False)
    with closing(SqliteEngine(path, disk.make_room)) as engine:
        await engine.write(make_table)
        with pytest.raises(StorageFull, match="index"):
            await engine.write(disk.grow)
        assert await engine.read_one(COUNT) == (0,)
        disk.pages = 100_000
        await engine.write(disk.grow)
        assert await engine.read_one(COUNT) == (1,)
    assert disk.asked == 1
