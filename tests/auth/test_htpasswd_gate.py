# SPDX-License-Identifier: Apache-2.0
"""Who stands in the file may do everything; nobody else may do anything."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.testing import capture_logs

from entrepot.auth import htpasswd_gate
from entrepot.auth.guard import SECONDS
from entrepot.auth.htpasswd import make_line, read_users, verify
from entrepot.auth.htpasswd_gate import HtpasswdGate, prepare_htpasswd
from entrepot.auth.settings import HtpasswdSettings, SillySettings
from entrepot.auth.silly import SillyGate
from entrepot.oci.access import CATALOG
from entrepot.oci.errors import Unauthorized, Unavailable
from support.approaches import HERE, TO_DELETE, TO_PULL, TO_PUSH, Told, approach, basic

if TYPE_CHECKING:
    from pathlib import Path

ALICE = basic("alice", "se:cret")


class Bench:
    """A gate over a file that knows alice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 0.0
        self.told = Told()
        path.write_text(make_line("alice", "se:cret", 4) + "\n")
        self.settings = HtpasswdSettings('The "Registry"', path)
        self.gate = HtpasswdGate(self.settings, self.told, structlog.get_logger(), lambda: self.now)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A gate on a bench."""
    return Bench(tmp_path / "htpasswd")


async def test_right(bench: Bench) -> None:
    """Any user of the file may do everything, and is remembered by the header."""
    assert bench.gate.recall(approach(ALICE), TO_PULL) is None
    for needs in ([], [TO_PULL], [TO_PUSH, TO_DELETE], [CATALOG]):
        admission = await bench.gate.admit(approach(ALICE), needs)
        assert admission.actor == "alice"
        assert admission.rule == "auth.htpasswd"
        assert admission.allows(TO_DELETE)
    remembered = bench.gate.recall(approach(ALICE), TO_PUSH)
    assert remembered is not None
    assert remembered.actor == "alice"
    assert bench.told.logins == [("alice", HERE, "password")]
    assert bench.told.refusals == []


@pytest.mark.parametrize(
    "header",
    [
        None, "", "Basic", "Bearer abc", "Basic !!", basic("alice", "wrong"), basic("alice", "se"), basic("bob", "x"),
        basic("Alice", "se:cret"), basic("alice ", "se:cret"), basic("", "se:cret"), basic("alice", ""), "Digest x",
    ],
)  # fmt: skip
async def test_wrong(bench: Bench, header: str | None) -> None:
    """401 with the challenge, the same for all, and nothing is remembered."""
    await bench.gate.admit(approach(ALICE), [])
    with pytest.raises(Unauthorized) as refused:
        await bench.gate.admit(approach(header), [TO_PULL])
    assert refused.value.headers == {"WWW-Authenticate": 'Basic realm="The \\"Registry\\""'}
    assert bench.gate.recall(approach(header), TO_PULL) is None
    assert bench.gate.recall(approach(ALICE), TO_PULL) is not None


async def test_refusals_are_audited(bench: Bench) -> None:
    """With who was asked for and what; a request without credentials is none. The answer does not tell them apart."""
    answers = []
    for header in (basic("alice", "x"), basic("bob", "x"), None):
        with pytest.raises(Unauthorized) as refused:
            await bench.gate.admit(approach(header), [TO_PULL])
        answers.append(refused.value.detail)
    assert bench.told.refusals == [
        ("alice", HERE, "wrong password", "repository:team/app:pull"),
        ("bob", HERE, "no such user", "repository:team/app:pull"),
    ]
    assert answers[0] == answers[1]


async def test_who_is_not_there_costs_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One hash of the cost that the file has, whoever is asked for."""
    costs = []

    def note(stored: str, password: str) -> bool:
        costs.append(stored[4:6])
        return verify(stored, password)

    monkeypatch.setattr(htpasswd_gate, "verify", note)
    for cost in (4, 5):
        bench.path.write_text(make_line("alice", "se:cret", cost) + "\n")
        gate = HtpasswdGate(bench.settings, bench.told, structlog.get_logger())
        for user in ("alice", "bob"):
            with pytest.raises(Unauthorized):
                await gate.admit(approach(basic(user, "wrong")), [])
    assert costs == ["04", "04", "05", "05"]


async def test_a_changed_file_holds_at_once(bench: Bench) -> None:
    """Half a second after a change the old password is nobody's, however well it was remembered."""
    await bench.gate.admit(approach(ALICE), [])
    bench.path.write_text(make_line("alice", "another", 4) + "\n" + make_line("bob", "new", 4) + "\n")
    bench.now += 0.5
    assert bench.gate.recall(approach(ALICE), TO_PULL) is None
    with pytest.raises(Unauthorized):
        await bench.gate.admit(approach(ALICE), [])
    assert (await bench.gate.admit(approach(basic("bob", "new")), [])).actor == "bob"
    bench.path.write_text("# nobody\n")
    bench.now += 0.5
    with pytest.raises(Unauthorized):
        await bench.gate.admit(approach(basic("bob", "new")), [])


async def test_a_file_that_breaks_keeps_users(bench: Bench) -> None:
    """A file that is emptied before anybody asked leaves those in who were in it at start, and says so."""
    bench.path.write_text("")
    with capture_logs() as logs:
        for _ in range(2):
            bench.now += 0.5
            assert (await bench.gate.admit(approach(ALICE), [])).actor == "alice"
    assert [line["log_level"] for line in logs] == ["error"]


async def test_new_problems_are_told(bench: Bench) -> None:
    """Lines of other kinds in a changed file are named."""
    await bench.gate.admit(approach(ALICE), [])
    bench.path.write_text(bench.path.read_text() + "carol:$apr1$x$y\n")
    bench.now += 0.5
    with capture_logs() as logs:
        await bench.gate.admit(approach(ALICE), [])
    assert any("carol" in line.get("problem", "") for line in logs)


async def test_remembered_for_a_time(bench: Bench) -> None:
    """After a while a password is hashed again."""
    await bench.gate.admit(approach(ALICE), [])
    bench.now += SECONDS + 0.1
    bench.gate._users._looked = bench.now
    assert bench.gate.recall(approach(ALICE), TO_PULL) is None
    await bench.gate.admit(approach(ALICE), [])
    assert len(bench.told.logins) == 2


def test_missing_file(tmp_path: Path) -> None:
    """It is made with one user and a random password, which is told once; the next start tells nothing."""
    path = tmp_path / "conf" / "htpasswd"
    settings = HtpasswdSettings("Registry", path)
    with capture_logs() as logs:
        prepare_htpasswd(settings, structlog.get_logger())
    (line,) = logs
    assert line["log_level"] == "warning"
    assert line["user"] == "docker"
    assert len(line["password"]) > 20
    stored = read_users(path).hashes["docker"]
    assert stored.startswith("$2y$10$")
    assert verify(stored, line["password"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.read_bytes().endswith(b"\n")
    with capture_logs() as logs:
        prepare_htpasswd(settings, structlog.get_logger())
    assert logs == []


def test_problems_at_start(tmp_path: Path) -> None:
    """Each line that cannot be used is named with what to do, and the start goes on."""
    path = tmp_path / "htpasswd"
    path.write_text("alice:$apr1$x$y\nnobody\n")
    with capture_logs() as logs:
        prepare_htpasswd(HtpasswdSettings("Registry", path), structlog.get_logger())
    assert [line["log_level"] for line in logs] == ["warning"] * 3
    assert f"entrepot htpasswd {path} alice" in logs[0]["problem"]
    assert logs[2]["event"] == f"no user of {path} can sign in; entrepot htpasswd {path} USER adds one"


@pytest.mark.parametrize("content", ["", "\n", "# nobody yet\n", "alice:$apr1$x$y\n"])
def test_nobody_can_sign_in(tmp_path: Path, content: str) -> None:
    """Said at start, in one line that holds the command; not of a file in which one user can."""
    path = tmp_path / "htpasswd"
    settings = HtpasswdSettings("Registry", path)
    path.write_text(content)
    with capture_logs() as logs:
        prepare_htpasswd(settings, structlog.get_logger())
    assert [line["event"] for line in logs if "no user of" in line["event"]] == [
        f"no user of {path} can sign in; entrepot htpasswd {path} USER adds one"
    ]
    path.write_text(content + make_line("bob", "pass:word", 4) + "\n")
    with capture_logs() as logs:
        prepare_htpasswd(settings, structlog.get_logger())
    assert not any("no user of" in line["event"] for line in logs)


async def test_nobody_can_sign_in_any_more(bench: Bench) -> None:
    """Said of a changed file, too."""
    await bench.gate.admit(approach(ALICE), [])
    bench.path.write_text("# nobody\n")
    bench.now += 0.5
    with capture_logs() as logs, pytest.raises(Unauthorized):
        await bench.gate.admit(approach(ALICE), [])
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == [
        f"no user of {bench.path} can sign in; entrepot htpasswd {bench.path} USER adds one"
    ]


async def test_lines_of_other_kinds_are_audited(bench: Bench) -> None:
    """With what they hold; the answer is that to anybody else."""
    bench.path.write_text(bench.path.read_text() + "carol:$apr1$x$y\n")
    bench.now += 0.5
    answers = []
    for header in (basic("carol", "x"), basic("bob", "x")):
        with pytest.raises(Unauthorized) as refused:
            await bench.gate.admit(approach(header), [TO_PULL])
        answers.append((refused.value.detail, refused.value.headers))
    assert answers[0] == answers[1]
    assert [why for _, _, why, _ in bench.told.refusals] == [
        "the line of this user holds MD5 (apr1), and only bcrypt is checked",
        "no such user",
    ]


def test_unusable_at_start(tmp_path: Path) -> None:
    """A path that cannot be read stops the start."""
    with pytest.raises(Unavailable, match=r"auth\.htpasswd\.path"):
        prepare_htpasswd(HtpasswdSettings("Registry", tmp_path), structlog.get_logger())


async def test_silly() -> None:
    """Any header will do; none gets a challenge with one scope for each action."""
    gate = SillyGate(SillySettings("realm", "service"))
    assert (await gate.admit(approach("anything"), [TO_PUSH])).actor == "silly"
    assert gate.recall(approach("anything"), TO_PULL) is not None
    assert gate.recall(approach(None), TO_PULL) is None
    with pytest.raises(Unauthorized) as refused:
        await gate.admit(approach(None), [TO_PUSH])
    assert refused.value.headers["WWW-Authenticate"] == (
        'Bearer realm="realm",service="service",scope="repository:team/app:pull repository:team/app:push"'
    )
