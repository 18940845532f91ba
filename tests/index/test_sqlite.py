# SPDX-License-Identifier: Apache-2.0
"""SQLite: what only a file can go through."""

import contextlib
import stat
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


async def test_it_is_for_its_owner_alone(path: Path) -> None:
    """Nobody else on the machine reads hashes of passwords and the key that signs tokens, in any file of it; what an
    operator gave to a group stays given.
    """
    with open_index(path) as index:
        await index.kept.keep("key", "value")
        files = [path, *(path.with_name(f"{path.name}-{part}") for part in ("wal", "shm"))]
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    path.chmod(0o640)
    with open_index(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o640


async def test_nobody_else_can_stop_writes(path: Path) -> None:
    """The file by which writers queue is for its owner alone: who can read it could lock it for ever."""
    lock = path.with_name(f"{path.name}.lock")
    for _ in range(2):
        with open_index(path) as index:
            assert stat.S_IMODE(lock.stat().st_mode) == 0o600
            await index.kept.keep("key", "value")
        lock.chmod(0o666)
