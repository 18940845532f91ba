# SPDX-License-Identifier: Apache-2.0
"""`entrepot htpasswd FILE USER`."""

from __future__ import annotations

import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from entrepot.auth.htpasswd import read_users, verify
from support.server import entrepot

if TYPE_CHECKING:
    from pathlib import Path


def run(path: Path, user: str, password: bytes, *options: str) -> subprocess.CompletedProcess[bytes]:
    """With a low cost, for speed."""
    command = entrepot("htpasswd", *(options or ("--cost", "4")), "--", path, user)
    return subprocess.run(command, input=password, capture_output=True, check=False, timeout=30)


def test_add_and_replace(tmp_path: Path) -> None:
    """A user is added to a file that is made private, another beside it, and gets another password."""
    path = tmp_path / "conf" / "htpasswd"
    assert b"added alice" in run(path, "alice", b"first\n").stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run(path, "bob", "pä:ss\r\n".encode()).returncode == 0
    before = read_users(path).hashes
    assert verify(before["alice"], "first")
    assert verify(before["bob"], "pä:ss")
    assert b"another password for alice" in run(path, "alice", b"second\n").stdout
    after = read_users(path)
    assert after.hashes["bob"] == before["bob"]
    assert verify(after.hashes["alice"], "second")
    assert not verify(after.hashes["alice"], "first")
    assert after.problems == ()
    assert list(path.parent.iterdir()) == [path]


def test_other_lines_stay(tmp_path: Path) -> None:
    """Comments and others' lines stay as they are, byte for byte; a user's second line goes; mode and links stay."""
    target, path = tmp_path / "real", tmp_path / "link"
    target.write_bytes(b"# \xe4\n\nbob:$apr1$x$y\nalice:one\ncarol:{SHA}x\nalice:two")
    target.chmod(0o640)
    path.symlink_to(target)
    assert run(path, "alice", b"secret").returncode == 0
    lines = target.read_bytes().split(b"\n")
    assert [line for line in lines if not line.startswith(b"alice:")] == [
        b"# \xe4", b"", b"bob:$apr1$x$y", b"carol:{SHA}x", b"",
    ]  # fmt: skip
    assert verify(read_users(target).hashes["alice"], "secret")
    assert target.read_bytes().count(b"alice:") == 1
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert path.is_symlink()


def test_cost(tmp_path: Path) -> None:
    """The cost is 10 where nothing is said."""
    path = tmp_path / "htpasswd"
    run(path, "alice", b"x", "--cost", "5")
    assert "alice:$2y$05$" in path.read_text()
    command = entrepot("htpasswd", path, "alice")
    subprocess.run(command, input=b"x", capture_output=True, check=True, timeout=30)
    assert "alice:$2y$10$" in path.read_text()


@pytest.mark.parametrize(
    ("user", "password", "options", "says"),
    [
        ("a:b", b"x", (), b"colon"),
        ("", b"x", (), b"1 to 255"),
        ("a\nb", b"x", (), b"control"),
        ("#a", b"x", (), b"comment"),
        ("x" * 256, b"x", (), b"1 to 255"),
        ("alice", b"", (), b"empty"),
        ("alice", b"\n", (), b"empty"),
        ("alice", b"a\0b\n", (), b"NUL"),
        ("alice", b"x", ("--cost", "31"), b"4<=x<=16"),
    ],
)
def test_refusals(tmp_path: Path, user: str, password: bytes, options: tuple[str, ...], says: bytes) -> None:
    """What cannot work is said, and the file stays as it was."""
    path = tmp_path / "htpasswd"
    path.write_text("bob:x\n")
    done = run(path, user, password, *options)
    assert done.returncode != 0
    assert says in done.stderr
    assert b"Traceback" not in done.stderr
    assert path.read_text() == "bob:x\n"


def test_long_passwords(tmp_path: Path) -> None:
    """That bcrypt cuts at 72 bytes is said, and the whole password works."""
    path = tmp_path / "htpasswd"
    done = run(path, "alice", b"x" * 80)
    assert b"first 72 bytes" in done.stderr
    assert verify(read_users(path).hashes["alice"], "x" * 80)
