# SPDX-License-Identifier: Apache-2.0
"""A supervisor with children that do nothing but say that they live; run by test_supervisor.

    python family.py DIRECTORY DRAIN CHILD...

Each CHILD is a name and what it does: ``stay`` (ends on SIGTERM), ``deaf`` (ignores SIGTERM), ``fail`` (ends at once
with status 3), ``end`` (returns at once), ``last`` (as stay, ended after the others). Each start and each end adds a
line to DIRECTORY/log.
"""

import os
import signal
import sys
from functools import partial
from pathlib import Path

from entrepot.processes.children import Child
from entrepot.processes.supervisor import Supervisor
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.settings import LogSettings


def live(log: Path, name: str, kind: str) -> None:
    """One child's life."""
    if kind in {"stay", "last"}:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    write(log, f"{name} starts {os.getpid()}")
    if kind == "fail":
        os._exit(3)
    if kind == "end":
        return
    if kind == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        write(log, f"{name} ignores {os.getpid()}")
    while kind == "deaf":
        signal.pause()
    signal.sigwait({signal.SIGTERM})
    write(log, f"{name} ends {os.getpid()}")


def write(log: Path, line: str) -> None:
    """One line, whole."""
    with log.open("a") as file:
        file.write(line + "\n")


def main() -> None:
    """Run the family that the arguments describe."""
    directory, drain, *described = sys.argv[1:]
    children = []

    def refuse() -> None:
        write(Path(directory) / "log", f"nobody refuses {os.getpid()}")

    for one in described:
        name, _, kind = one.partition("=")
        work = partial(live, Path(directory) / "log", name, kind)
        children.append(Child(name, work, first=kind != "last"))
    sys.exit(Supervisor(children, float(drain), refuse, configure_logs(LogSettings())).run())


if __name__ == "__main__":
    main()
