# SPDX-License-Identifier: Apache-2.0
"""A supervisor with children that do nothing but say that they live; run by test_supervisor.

    python family.py DIRECTORY DRAIN CHILD...

Each CHILD is a name and what it does: ``stay`` (ready at once, ends on SIGTERM), ``deaf`` (ignores SIGTERM), ``fail``
(ends at once with status 3), ``end`` (returns at once), ``last`` (as stay, ended after the others), ``late`` (as stay,
but ready only when DIRECTORY/ready is there), ``busy`` (as stay, but ends only when DIRECTORY/done is there). Each
start and each end adds a line to DIRECTORY/log. Whatever CHILDs DIRECTORY/next names are the next generation.
"""

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from entrepot.processes.children import Child, Flag
from entrepot.processes.generations import PART
from entrepot.processes.supervisor import Supervisor
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.settings import LogSettings


def live(log: Path, name: str, kind: str, ready: Flag) -> None:
    """One child's life."""
    if kind in {"stay", "last", "late", "busy"}:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, PART})
    write(log, f"{name} starts {os.getpid()}")
    while kind == "late" and not log.with_name("ready").exists():
        time.sleep(0.02)
    ready.raise_up()
    if kind == "fail":
        os._exit(3)
    if kind == "end":
        return
    if kind == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        write(log, f"{name} ignores {os.getpid()}")
    while kind == "deaf":
        signal.pause()
    while signal.sigwait({signal.SIGTERM, PART}) == PART:
        write(log, f"{name} parts {os.getpid()}")
    write(log, f"{name} hears {os.getpid()}")
    while kind == "busy" and not log.with_name("done").exists():
        time.sleep(0.02)
    write(log, f"{name} ends {os.getpid()}")


def write(log: Path, line: str) -> None:
    """One line, whole."""
    with log.open("a") as file:
        file.write(line + "\n")


def main() -> None:
    """Run the family that the arguments describe."""
    directory, drain, *described = sys.argv[1:]
    log, following = Path(directory) / "log", Path(directory) / "next"

    def refuse() -> None:
        write(log, f"nobody refuses {os.getpid()}")

    def renew() -> list[Child] | None:
        if not following.exists():
            return None
        described = following.read_text().split()
        following.unlink()
        return [make_child(log, one) for one in described]

    children = [make_child(log, one) for one in described]
    sys.exit(Supervisor(children, float(drain), refuse, configure_logs(LogSettings()), renew).run())


def make_child(log: Path, described: str) -> Child:
    """From NAME=KIND."""
    name, _, kind = described.partition("=")
    ready = Flag()
    return Child(name, partial(live, log, name, kind, ready), first=kind != "last", ready=ready)


if __name__ == "__main__":
    main()
