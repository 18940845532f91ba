# SPDX-License-Identifier: Apache-2.0
"""kill -9 of all processes at named moments inside PATCH, blob commit, manifest PUT and tag delete."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from faults.agreement import assert_agreement
from faults.crash_points import OPERATIONS, Operation, points_of
from faults.ledger import Ledger, verify
from faults.pushing import CLIENTS, push_until_it_ends
from support.programs import PROJECT
from support.server import Server
from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

MOMENTS = 25
"""Of each operation in the long form: four times 25 are 100."""

SECONDS = 20.0
"""For the moment to come; it comes in well under one."""

SEARCH = os.pathsep.join([str(PROJECT / "tests"), os.environ.get("PYTHONPATH", "")])


class CrashingServer(Server):
    """A server that kills itself, all processes at once, at the n-th passing of a point after :meth:`arm`."""

    point = ""
    nth = 1
    said = 0

    def command(self) -> list[str]:
        ordinary = super().command()
        script = [sys.executable, "-m", "faults.crashing", self.point, str(self.nth), str(self._armed)]
        return [*script, *ordinary[1:]]

    @property
    def _armed(self) -> Path:
        return self.home / "armed"

    def start_towards(self, point: str, nth: int) -> None:
        """Start, to crash at ``point``."""
        self.point, self.nth, self.said = point, nth, len(self.log())
        self._armed.unlink(missing_ok=True)
        self.start()

    def arm(self) -> None:
        """Passings count from here on."""
        self._armed.touch()

    def said_since_start(self) -> str:
        """What it has said since its last start."""
        return self.log()[self.said :]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_point_of(operation: Operation, tmp_path: Path) -> None:
    """kill -9 once at every named point of the operation, during pushes of several clients: see `_crash_and_judge`."""
    _crash_and_judge(
        tmp_path, [(point, 1 + number % 4) for number, point in enumerate(points_of(operation))], verify_first=False
    )


@pytest.mark.soak
@pytest.mark.parametrize("operation", OPERATIONS)
def test_many_moments_of(operation: Operation, tmp_path: Path) -> None:
    """The same at 25 moments of the operation, early and late: 100 for the four operations."""
    points = points_of(operation)
    moments = [(points[number % len(points)], 1 + number * 5 % 17) for number in range(MOMENTS)]
    _crash_and_judge(tmp_path, moments, verify_first=True)


def _crash_and_judge(home: Path, moments: list[tuple[str, int]], *, verify_first: bool) -> None:
    """After each restart on the same directory: all that was acknowledged is there and intact, nothing is half there,
    storage and index agree, no intent remains and no temporary file. At the end this still holds for all of it.

    ``verify_first``: clients come back before the index was compared with storage (what they miss is then looked up in
    storage, so the comparison finds less); otherwise the comparison alone must have brought the two to agree.
    """
    server = CrashingServer(home, {"log": {"accesslog": {"disabled": True}}}, env={"PYTHONPATH": SEARCH})
    ledgers, all_told = [Ledger() for _ in range(CLIENTS)], Ledger()
    try:
        for number, (point, nth) in enumerate(moments):
            server.start_towards(point, nth)
            if number > 0:
                _judge(server, ledgers, all_told, verify_first=verify_first)
            server.arm()
            push_until_it_ends(server.url, ledgers, SECONDS)
            assert f"crash point reached: {point}\n" in server.said_since_start()
            server.kill()
        server.start_towards(*moments[0])
        _judge(server, ledgers, all_told, verify_first=verify_first)
        holders = list((server.root / "entrepot" / "holders").iterdir())
        assert len(holders) == 3, "two workers and the jobs; the killed ones left nothing"
        verify(server.client(), all_told)
    finally:
        if server.daemon.running:
            server.kill()


def _judge(server: CrashingServer, ledgers: list[Ledger], all_told: Ledger, *, verify_first: bool) -> None:
    """What each client was told holds; then the ledgers keep only the tags, which clients go on to move and delete."""
    if not verify_first:
        _assert_agreement(server)
    client = server.client()
    for ledger in ledgers:
        verify(client, ledger)
        all_told.absorb(ledger)
        ledger.blobs.clear()
        ledger.manifests.clear()
    _assert_agreement(server)


def _assert_agreement(server: CrashingServer) -> None:
    """An adoption that read all there is in one go is not followed by a comparison."""
    until(
        lambda: any(
            words in server.said_since_start() for words in ("compared the index with", "adopted what storage")
        ),
        what="the index is compared with storage",
    )
    assert_agreement(server.root)
