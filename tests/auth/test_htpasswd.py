# SPDX-License-Identifier: Apache-2.0
"""htpasswd files: what is read, and what is named."""

from __future__ import annotations

import time
from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.auth.htpasswd import make_line, parse_users, read_users, verify
from entrepot.auth.watched import FileBroken

FILE = Path("/etc/my registry/htpasswd")
GOOD = "$2y$05$" + "a" * 53
OTHER = "$2b$06$" + "b" * 53


def test_lines() -> None:
    """Users and hashes; blank lines and comments do not count; the last of two lines does, and that is said."""
    content = f"\ufeff# users\n\nalice:{GOOD}\r\n  bob:{OTHER}  \nälice:{GOOD}\nalice:{OTHER}\n#x:{GOOD}\n"
    users, _ = parse_users(content.encode(), FILE)
    assert users.hashes == {"alice": OTHER, "bob": OTHER, "älice": GOOD}
    (problem,) = users.problems
    assert "line 6" in problem
    assert "'alice'" in problem
    assert "twice" in problem


def test_latin1() -> None:
    """A file that is not UTF-8 is latin-1, line by line."""
    users, _ = parse_users(f"älice:{GOOD}\n".encode("latin-1") + f"böb:{GOOD}\n".encode(), FILE)
    assert set(users.hashes) == {"älice", "böb"}


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        ("$apr1$salt$hash", "MD5 (apr1)"),
        ("$1$salt$hash", "MD5 (crypt)"),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1"),
        ("$5$salt$hash", "SHA-256"),
        ("$6$salt$hash", "SHA-512"),
        ("rqXexS6ZhobKA", "no bcrypt hash"),
        ("secret", "no bcrypt hash"),
        ("", "no bcrypt hash"),
        (GOOD[:-1], "broken bcrypt hash"),
        (GOOD + ":x", "broken bcrypt hash"),
        ("$2x$05$" + "a" * 53, "broken bcrypt hash"),
        ("$2y$31$" + "a" * 53, "cost 31"),
        ("$2y$17$" + "a" * 53, "cost 17"),
        ("$2y$03$" + "a" * 53, "cost 3"),
        ("$2y$99$" + "a" * 53, "cost 99"),
    ],
)
def test_lines_of_other_kinds(stored: str, says: str) -> None:
    """Named with line, user and the command that replaces them, never with what they hold; the others work."""
    before = time.monotonic()
    users, _ = parse_users(f"bob:{OTHER}\nal ice:{stored}\n".encode(), FILE)
    assert users.hashes == {"bob": OTHER}
    (problem,) = users.problems
    assert problem.startswith("line 2: the user 'al ice'")
    assert says in problem
    assert problem.endswith("entrepot htpasswd '/etc/my registry/htpasswd' 'al ice'")
    assert not stored or stored not in problem
    assert time.monotonic() - before < 1, "a cost is read, not paid"


def test_a_last_line_of_another_kind_locks_out() -> None:
    """Where the last of a user's lines cannot be used, no earlier one counts: it was replaced."""
    users, _ = parse_users(f"bob:{GOOD}\nbob:$apr1$x\n".encode(), FILE)
    assert users.hashes == {}


@pytest.mark.parametrize("line", ["alice", ":x", "\0", "$apr1$x"])
def test_lines_without_a_user(line: str) -> None:
    """A line without a colon or name is named by number, and the others work."""
    users, _ = parse_users(f"{line}\nbob:{GOOD}\n".encode(), FILE)
    assert users.hashes == {"bob": GOOD}
    assert users.problems == ("line 1 is not USER:HASH; remove it",)


@given(st.binary())
def test_anything_is_read(content: bytes) -> None:
    """Whatever a file holds, it is read."""
    parse_users(content, FILE)


@pytest.mark.parametrize("kind", ["2a", "2b", "2y"])
def test_verify(kind: str) -> None:
    """The three names of bcrypt; colons, UTF-8 and more than 72 bytes, of which the first count."""
    for password in ("a:b", "pä ☂", "x" * 100):
        made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
        stored = f"${kind}{made[3:]}"
        assert verify(stored, password)
        assert verify(stored, password[:72])
        assert not verify(stored, password[:72][:-1])


def test_verify_what_nobody_wrote() -> None:
    """53 characters that are no hash let nobody in and raise nothing."""
    assert not verify("$2b$04$" + "." * 53, "x")
    assert not verify("$2b$04$" + "z" * 53, "x")


def test_dummy_costs_what_most_cost() -> None:
    """A user who is not there is checked at the cost of most lines."""
    users, _ = parse_users(f"a:{GOOD}\nb:{OTHER}\nc:{OTHER}\n".encode(), FILE)
    assert users.dummy.startswith("$2b$06$")
    assert parse_users(b"", FILE)[0].dummy.startswith("$2b$10$")
    assert not verify(users.dummy, "")


def test_written_lines_are_read() -> None:
    """What we write is what Apache calls bcrypt, and is read."""
    line = make_line("alice", "sec:ret", 4)
    users, _ = parse_users(line.encode(), FILE)
    assert line.startswith("alice:$2y$04$")
    assert verify(users.hashes["alice"], "sec:ret")


@pytest.mark.parametrize("content", ["", f"bob:{GOOD}\nal", f"bob:{GOOD}\nalice:$2y$05$abc", f"bob:{GOOD}\nalice:"])
def test_half_written(tmp_path: Path, content: str) -> None:
    """A file that is being written is not taken for a whole one, where there was one before."""
    path = tmp_path / "htpasswd"
    path.write_text(f"alice:{GOOD}\n")
    before = read_users(path)
    path.write_text(content)
    with pytest.raises(FileBroken):
        read_users(path, before)
    assert "alice" not in read_users(path).hashes


@pytest.mark.parametrize("content", ["# nobody\n", f"bob:{GOOD}", "bob:$apr1$x\n", "\n", f"bob:{GOOD}\n# end"])
def test_whole(tmp_path: Path, content: str) -> None:
    """A file without the last newline, without users or with lines of other kinds is a whole one."""
    path = tmp_path / "htpasswd"
    path.write_text(content)
    users = read_users(path, parse_users(f"alice:{GOOD}\n".encode(), FILE)[0])
    assert "alice" not in users.hashes


def test_large_files(tmp_path: Path) -> None:
    """100,000 lines are read in about a second, not in minutes."""
    path = tmp_path / "htpasswd"
    path.write_text("".join(f"user{number}:{GOOD}\n" for number in range(100_000)))
    before = time.monotonic()
    assert len(read_users(path).hashes) == 100_000
    assert time.monotonic() - before < 10
