# SPDX-License-Identifier: Apache-2.0
"""SQLite: what only a file can go through."""

import contextlib
from functools import partial
from pathlib import Path

import pytest

from entrepot.index.engine import Transaction
from entrepot.index.index import open_index
from entrepot.index.sqlite import SqliteEngine
from entrepot.index.statements import Row, Statement
from entrepot.oci.errors import Unavailable


def _first(statement: Statement, tx: Transaction) -> Row | None:
    return tx.one(statement, {})


async def test_commits_survive_a_power_cut(path: Path) -> None:
    """Every connection waits for the disk: WAL with synchronous=FULL."""
    with contextlib.closing(SqliteEngine(path)) as engine:
        for name, value in (("journal_mode", "wal"), ("synchronous", 2)):
            pragma = Statement(f"PRAGMA {name}", (), {})
            assert await engine.read_one(pragma) == (value,)
            assert engine.write_blocking(partial(_first, pragma)) == (value,)


def test_what_is_no_database_is_refused(path: Path) -> None:
    """A file that is no index, and a place that is no directory, are refused with what to do."""
    path.write_text("this is not a database, and long enough to be taken for one" * 100)
    with pytest.raises(Unavailable, match="damaged"), open_index(path):
        pass
    with pytest.raises(Unavailable, match="name another place"), open_index(path / "below" / "index.sqlite3"):
        pass
