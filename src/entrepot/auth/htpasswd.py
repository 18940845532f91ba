# SPDX-License-Identifier: Apache-2.0
"""Files of users and bcrypt hashes, as ``htpasswd -B`` writes them (compat.md 4.4)."""

import re
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from entrepot.auth.watched import FileBroken

COST = 10
"""Of hashes that we make, and of what is hashed for users that are not there where a file has none."""

CHEAPEST = 4
DEAREST = 16
"""Costs of hashes that are checked: 16 takes some seconds, 31 days."""

LONGEST_PASSWORD = 72
"""Bytes of a password that bcrypt looks at; the rest has never counted."""

_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}", re.ASCII)
_KINDS = (("$apr1$", "MD5 (apr1)"), ("$1$", "MD5 (crypt)"), ("{SHA}", "SHA-1"), ("$5$", "SHA-256"), ("$6$", "SHA-512"))


@dataclass(frozen=True, slots=True)
class Users:
    """A file that was read. ``hashes`` by user; ``others``: what the lines of those hold who cannot sign in, in words;
    ``dummy``: see ``Guard``; ``problems``: what cannot be used and what to do about it, a sentence for each line.
    """

    hashes: Mapping[str, str]
    others: Mapping[str, str]
    dummy: str
    problems: tuple[str, ...] = ()


NOBODY = Users({}, {}, f"$2b${COST}${'.' * 53}")


def read_users(path: Path, before: Users | None = None) -> Users:
    """Read the file. Raises ``OSError``; ``FileBroken`` where there was one ``before`` and this one seems half-written:
    empty, or broken off in its last line.
    """
    content = path.read_bytes()
    if before is not None and not content:
        raise FileBroken("the file is empty; to remove all users leave a line that begins with #")
    users, last_is_usable = parse_users(content, path)
    if before is not None and not content.endswith(b"\n") and not last_is_usable:
        raise FileBroken("the last line neither ends nor holds a bcrypt hash: the file seems half-written")
    return users


def parse_users(content: bytes, path: Path) -> tuple[Users, bool]:
    """Users, and whether the last line is a good one. ``path``: for the commands in ``problems``."""
    hashes: dict[str, str] = {}
    others: dict[str, str] = {}
    problems: list[str] = []
    problem = ""
    for number, raw in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        line = _decode(raw).strip()
        problem = problem if not line else ""
        if not line or line.startswith("#"):
            continue
        user, colon, stored = line.partition(":")
        if not colon or not user:
            problem = f"line {number} is not USER:HASH; remove it"
        else:
            if user in hashes or user in others:
                problems.append(f"line {number}: the user {user!r} stands in the file twice; the last line counts")
            hashes.pop(user, None)
            others.pop(user, None)
            odd = _find_oddity(stored)
            (others if odd else hashes)[user] = odd or stored
            problem = _describe(number, user, odd, path) if odd else ""
        if problem:
            problems.append(problem)
    return Users(hashes, others, _make_dummy(hashes), tuple(problems)), not problem


def verify(stored: str, password: str) -> bool:
    """Whether ``stored`` is a hash of ``password``; slow by design. ``stored`` comes from a file that was read."""
    try:
        return bcrypt.checkpw(_cut(password), stored.encode())
    except ValueError:  # 53 characters that nobody's bcrypt has written
        return False


def make_line(user: str, password: str, cost: int = COST) -> str:
    """A line of such a file, without its end."""
    stored = bcrypt.hashpw(_cut(password), bcrypt.gensalt(cost, b"2b")).decode()
    return f"{user}:$2y${stored[4:]}"  # the same; Apache knows it by this name


def _cut(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")[:LONGEST_PASSWORD]


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _find_oddity(stored: str) -> str:
    """What it is where it is no hash that is checked; "" where it is."""
    found = _BCRYPT.fullmatch(stored)
    if found is not None:
        good = CHEAPEST <= int(found[1]) <= DEAREST
        return "" if good else f"bcrypt of cost {int(found[1])}, and costs from {CHEAPEST} to {DEAREST} are checked"
    kinds = [name for start, name in _KINDS if stored.startswith(start)]
    if kinds:
        return f"{kinds[0]}, and only bcrypt is checked"
    broken = "a broken bcrypt hash" if stored.startswith("$2") else "no bcrypt hash"
    return f"{broken}, and nothing else is checked"


def _describe(number: int, user: str, odd: str, path: Path) -> str:
    command = f"entrepot htpasswd {shlex.quote(str(path))} {shlex.quote(user)}"
    return f"line {number}: the user {user!r} cannot sign in: it holds {odd}; replace it: {command}"


def _make_dummy(hashes: Mapping[str, str]) -> str:
    """Of the cost that most lines have, so that a user who is not there costs the same."""
    costs = Counter(stored[4:6] for stored in hashes.values())
    cost = costs.most_common(1)[0][0] if costs else f"{COST:02}"
    return f"$2b${cost}${'.' * 53}"
