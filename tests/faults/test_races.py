# SPDX-License-Identifier: Apache-2.0
"""Pushes, mounts, deletes and the collector at once, with processes killed and stopped among them."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from faults.racing import Racer, make_pool, verify
from support.registries import Config
from support.server import Server, run_entrepot

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS = 8
RACERS = 8
LEASE = 17.0
"""Seconds, a little more than the collector's lease."""

AT_ONCE: Config = {
    "collector": {"grace": "0s", "interval": "1s"},
    "trash": {"age": "0s"},
    "log": {"accesslog": {"disabled": True}},
}


def children(server: Server) -> list[int]:
    """The processes of a server, in the order of their start: the jobs come last."""
    return sorted(int(pid) for pid in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split())


def kill_jobs(server: Server) -> None:
    """The supervisor starts them again."""
    os.kill(children(server)[-1], signal.SIGKILL)


def kill_all(server: Server) -> None:
    """And start again."""
    server.kill()
    server.start()


def stop_jobs(server: Server) -> None:
    """Past their lease: another collects meanwhile; then they wake up in the middle of a round."""
    jobs = children(server)[-1]
    os.kill(jobs, signal.SIGSTOP)
    try:
        time.sleep(LEASE)
        assert run_entrepot("gc", server.config_path, seconds=120).returncode == 0
    finally:
        os.kill(jobs, signal.SIGCONT)


def stop_jobs_shortly(server: Server) -> None:
    """Within their lease."""
    jobs = children(server)[-1]
    os.kill(jobs, signal.SIGSTOP)
    time.sleep(1)
    os.kill(jobs, signal.SIGCONT)


def race(server: Server, operations: int, faults: list[Callable[[Server], None]]) -> None:
    """So many operations, the faults spread over them; then everything that was acknowledged is verified, and the bytes
    that lie there are those that manifests need.
    """
    pool, enough = make_pool(), threading.Event()
    racers = [Racer(server.url, number, pool, enough) for number in range(RACERS)]
    for racer in racers:
        racer.start()

    def done() -> int:
        return sum(racer.told.operations for racer in racers)

    for number, fault in enumerate(faults, start=1):
        while done() < operations * number // (len(faults) + 1) and not enough.is_set():
            time.sleep(0.05)
        fault(server)
    while done() < operations and not enough.is_set():
        time.sleep(0.05)
    enough.set()
    for racer in racers:
        racer.join(90)
        assert not racer.is_alive()
        if racer.fault is not None:
            raise racer.fault
    for racer in racers:
        verify(server.client(), racer.told)
    assert_collected(server)
    for racer in racers:
        verify(server.client(), racer.told)
    print(f"{done()} operations, {sum(racer.told.again for racer in racers)} pushes began anew")


def assert_collected(server: Server) -> None:
    """After a round nothing has bytes but what the manifests that storage holds need."""
    for _ in range(2):
        assert run_entrepot("gc", server.config_path, seconds=120).returncode == 0, "the collector's round"
    data = server.root / "docker/registry/v2"
    stored = {path.parent.name: path.stat().st_size for path in data.glob("blobs/*/*/*/data")}
    needed = set()
    for link in data.glob("repositories/**/_manifests/revisions/*/*/link"):
        digest = link.read_text().partition(":")[2]
        manifest = json.loads((data / "blobs/sha256" / digest[:2] / digest / "data").read_text())
        described = [*manifest.get("layers", []), *([manifest["config"]] if "config" in manifest else [])]
        needed |= {digest, *(one["digest"].partition(":")[2] for one in described)}
    assert set(stored) == needed
    assert sum(stored.values()) == sum(stored[digest] for digest in needed)


@pytest.fixture(params=["sqlite", "postgresql"])
def config(request: pytest.FixtureRequest) -> Config:
    """No grace and no trash, on each database."""
    if request.param == "sqlite":
        return AT_ONCE
    return {**AT_ONCE, "index": {"url": request.getfixturevalue("database")}}


def test_races(tmp_path: Path, config: Config) -> None:
    """A short race: the jobs killed and stopped, and the whole tree killed once."""
    with Server(tmp_path, config, workers=WORKERS) as server:
        race(server, 2_000, [kill_jobs, stop_jobs_shortly, kill_all])


@pytest.mark.soak
def test_many_races(tmp_path: Path, config: Config) -> None:
    """100,000 operations, with every fault several times, and a collector that sleeps past its lease."""
    with Server(tmp_path, config, workers=WORKERS) as server:
        race(server, 100_000, [kill_jobs, stop_jobs, kill_all, kill_jobs, stop_jobs, kill_all, kill_all])
