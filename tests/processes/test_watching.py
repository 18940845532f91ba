# SPDX-License-Identifier: Apache-2.0
"""What counts as a change of files, and files in memory that forks share."""

import os
from pathlib import Path

import pytest

from entrepot.processes.children import run_apart
from entrepot.processes.memory_files import MemoryFile
from entrepot.processes.watching import FileWatch


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    """Two files, of which the second is a link into a directory that is one itself."""
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    for name in ("old", "new"):
        (tmp_path / name / "key").write_text("same")
    (tmp_path / "data").symlink_to("old")
    (tmp_path / "key").symlink_to("data/key")
    (tmp_path / "certificate").write_text("same")
    return tmp_path / "certificate", tmp_path / "key"


def noticed(watch: FileWatch) -> list[bool]:
    """Three looks."""
    return [watch.changed() for _ in range(3)]


def test_nothing_happens(paths: tuple[Path, Path]) -> None:
    """Files that nobody touches have not changed."""
    assert noticed(FileWatch(paths)) == [False, False, False]


@pytest.mark.parametrize("change", ["write", "replace", "touch", "mode", "remove", "swap"])
def test_a_change(paths: tuple[Path, Path], tmp_path: Path, change: str) -> None:
    """Each is noticed once, when it has stayed for one look; a link that is moved is one."""
    watch = FileWatch(paths)
    assert not watch.changed()
    certificate = paths[0]
    if change == "write":
        certificate.write_text("other")
    elif change == "replace":
        (tmp_path / "next").write_text("same")
        (tmp_path / "next").rename(certificate)
    elif change == "touch":
        os.utime(certificate, (1, 1))
    elif change == "mode":
        certificate.chmod(0o600)
    elif change == "remove":
        certificate.unlink()
    else:
        (tmp_path / "next").symlink_to("new")
        (tmp_path / "next").rename(tmp_path / "data")
    assert noticed(watch) == [False, True, False]


def test_changes_that_go_on(paths: tuple[Path, Path]) -> None:
    """While something changes with each look nothing is noticed; then it is, once."""
    watch = FileWatch(paths)
    for length in range(3):
        paths[0].write_text("x" * length)
        assert not watch.changed()
    assert noticed(watch) == [True, False, False]


def test_back_to_what_it_was(paths: tuple[Path, Path], tmp_path: Path) -> None:
    """A file that is moved away and back between two looks is the same file."""
    watch = FileWatch([paths[0]])
    os.rename(paths[0], tmp_path / "aside")
    assert not watch.changed()
    os.rename(tmp_path / "aside", paths[0])
    os.utime(paths[0])
    assert noticed(watch) == [False, True, False]


def test_memory_files() -> None:
    """What a fork writes its parent reads, and by path, too; what was there before is gone."""
    file = MemoryFile("test")
    file.write(b"something long")
    assert run_apart(lambda: file.write(b"short"))
    assert file.read() == file.path.read_bytes() == b"short"


def test_memory_files_end() -> None:
    """Nobody has to close them."""
    path = MemoryFile("test").path
    assert not path.exists()


def test_apart() -> None:
    """Work in a fork ended well, with an error, or not in time."""

    def fail() -> None:
        raise SystemExit(3)

    assert run_apart(lambda: None)
    assert not run_apart(fail)
    assert not run_apart(lambda: os.kill(os.getpid(), 19), seconds=0.2)
