# SPDX-License-Identifier: Apache-2.0
"""Holders: a process that holds intents is known to live or to be gone."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from entrepot.index.holders import Holder

PROCESS = """
import sys
from pathlib import Path
from entrepot.index.holders import Holder
print(Holder(Path(sys.argv[1])).name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Holder]:
    """This process."""
    with closing(Holder(tmp_path)) as opened:
        yield opened


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process_is_gone(tmp_path: Path, holder: Holder, number: int) -> None:
    """Another process lives as long as it runs, and is gone when it was killed, with its file."""
    command = [sys.executable, "-c", PROCESS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert holder.lives(name)
        assert (tmp_path / name).exists()
        os.kill(process.pid, number)
        process.wait(10)
    assert not holder.lives(name)
    assert not (tmp_path / name).exists()


def test_holders_of_one_process(tmp_path: Path, holder: Holder) -> None:
    """Every holder lives until it is closed, in the eyes of others and its own."""
    other = Holder(tmp_path)
    for seen in (holder, other):
        assert seen.lives(holder.name)
        assert seen.lives(other.name)
    other.close()
    assert not holder.lives(other.name)
    assert holder.lives(holder.name)


@pytest.mark.parametrize("name", ["", "0" * 32, "never"])
def test_nobody(holder: Holder, name: str) -> None:
    """A name that belongs to nobody, as of abandoned changes, is gone."""
    assert not holder.lives(name)


def test_asking_does_not_kill(tmp_path: Path, holder: Holder) -> None:
    """Asking many times whether a holder lives does not end it."""
    with closing(Holder(tmp_path)) as other:
        assert all(holder.lives(other.name) for _ in range(50))
        assert other.lives(holder.name)
    assert {path.name for path in tmp_path.iterdir()} == {holder.name}


def test_nobody_else_can_keep_a_holder_alive(tmp_path: Path, holder: Holder) -> None:
    """Its file is for its owner alone: who can read it could lock it."""
    assert stat.S_IMODE((tmp_path / holder.name).stat().st_mode) == 0o600
