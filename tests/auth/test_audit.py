# SPDX-License-Identifier: Apache-2.0
"""The audit: everything that matters is told, nobody can fill a disk with it, and what is not told is counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from entrepot.auth import audit
from entrepot.auth.audit import BURST, LONGEST, MOST, PERIOD, AuditTrail
from entrepot.index.envelopes import Source
from entrepot.index.index import open_index
from entrepot.telemetry.audit_log import AuditLog
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.settings import LogSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.index.index import Index

ALL = 100_000


class Told:
    """A trail with a clock that stands still until it is moved, and what it told."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._now = 0.0
        self._read = 0
        self._lines = AuditLog(configure_logs(LogSettings()))
        self.trail = AuditTrail(index.outbox, Source("here:5000", "i-1"), self._lines, self._clock)

    def _clock(self) -> float:
        return self._now

    async def write(self, *, after: float = 0.0) -> list[dict[str, Any]]:
        """What is new in the feed, ``after`` seconds."""
        self._now += after
        await self.trail.write()
        self._lines.flush()
        while await self._index.outbox.place():
            pass
        page = await self._index.outbox.page(self._read, ALL)
        self._read = page[-1].position if page else self._read
        return [json.loads(event.body) for event in page]


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """The trail of one worker."""
    with open_index(tmp_path / "index.sqlite3") as index:
        yield Told(index)


async def test_the_form_of_entries(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    """Who, from where, what: in distribution's envelope, and in one line of the log each."""
    told.trail.login("bob", "192.0.2.1", "password")
    told.trail.refused("eve", "192.0.2.2", "wrong password", "repository:team/app:push")
    told.trail.changed("root", "", "user bob: locked")
    events = await told.write()
    assert [{name: event[name] for name in ("action", "target", "request", "actor", "source")} for event in events] == [
        {
            "action": action,
            "target": target,
            "request": request,
            "actor": {"name": actor},
            "source": {"addr": "here:5000", "instanceID": "i-1"},
        }
        for action, target, request, actor in (
            ("login", {"how": "password"}, {"addr": "192.0.2.1"}, "bob"),
            (
                "refuse",
                {"why": "wrong password", "what": "repository:team/app:push"},
                {"addr": "192.0.2.2"},
                "eve",
            ),
            ("account", {"what": "user bob: locked"}, {}, "root"),
        )
    ]
    assert len({event["id"] for event in events}) == 3
    lines = [line for line in capsys.readouterr().err.splitlines() if "msg=audit" in line]
    assert [line.partition("msg=audit ")[2] for line in lines] == [
        "action=login actor=bob address=192.0.2.1 how=password",
        'action=refuse actor=eve address=192.0.2.2 what=repository:team/app:push why="wrong password"',
        'action=account actor=root what="user bob: locked"',
    ]


async def test_what_happens_again_is_counted(told: Told) -> None:
    """The first time is told at once, the others of a minute in one entry at its end; after that it is new again."""
    for _ in range(1000):
        told.trail.refused("bob", "192.0.2.1", "wrong password", "")
    assert [event.get("count") for event in await told.write()] == [None]
    assert await told.write(after=PERIOD - 1) == []
    assert [event.get("count") for event in await told.write(after=1)] == [999]
    told.trail.refused("bob", "192.0.2.1", "wrong password", "")
    assert [event.get("count") for event in await told.write()] == [None]


async def test_an_address_that_guesses_names(told: Told) -> None:
    """A few entries are told, the rest as a number; another address and the account's own login are told beside them.
    Addresses of one IPv6 network are one.
    """
    for number in range(1000):
        told.trail.refused(f"user{number}", "192.0.2.1", "wrong password", "")
        told.trail.refused(f"user{number}", f"2001:db8::{number:x}", "wrong password", "")
    told.trail.refused("bob", "192.0.2.2", "wrong password", "")
    told.trail.login("user1", "192.0.2.1", "password")
    events = await told.write()
    assert len(events) == 2 * BURST + 2
    assert {"bob", "user1"} <= {event["actor"]["name"] for event in events}
    rest = {event["request"]["addr"]: event["count"] for event in await told.write(after=PERIOD)}
    assert rest == {"192.0.2.1": 1000 - BURST, "2001:db8::/64": 1000 - BURST}


async def test_many_addresses(told: Told) -> None:
    """Their entries are bounded, too, and a login or a change of an account is told all the same."""
    for number in range(2 * MOST):
        told.trail.refused("root", f"10.0.{number // 256}.{number % 256}", "wrong password", "")
    told.trail.login("bob", "192.0.2.1", "password")
    for number in range(2 * MOST):
        told.trail.changed("root", "", f"user u{number}: added")
    events = await told.write()
    counts = {action: len([e for e in events if e["action"] == action]) for action in ("refuse", "login", "account")}
    assert counts == {"refuse": MOST, "login": 1, "account": 2 * MOST}
    (rest,) = await told.write(after=PERIOD)
    assert (rest["action"], rest["count"], rest["request"], rest["actor"]) == ("refuse", MOST, {}, {})


async def test_long_names(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    """Names come from anybody; what is kept of them is bounded, and nothing ends a line of the log."""
    told.trail.refused("x" * 100_000, "192.0.2.1", "no such\nuser", "y" * 100_000)
    (event,) = await told.write()
    assert len(event["actor"]["name"]) == len(event["target"]["what"]) == LONGEST
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "audit" in line]
    assert 'why="no such\\nuser"' in line


async def test_the_end_of_a_worker(told: Told) -> None:
    """What was counted is told before it ends."""
    for _ in range(3):
        told.trail.login("bob", "192.0.2.1", "token")
    await told.trail.close()
    assert [event.get("count") for event in await told.write()] == [None, 2]


def test_networks() -> None:
    """Whose an address is; what is none stands for itself."""
    network = audit._network
    assert network("2001:db8:1:2:3:4:5:6") == network("2001:db8:1:2::") == "2001:db8:1:2::/64"
    assert network("192.0.2.1") == "192.0.2.1"
    assert network("") == ""
