# SPDX-License-Identifier: Apache-2.0
"""Whether a server came through a test unharmed: no process died, no fault was logged, no file lies astray."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.server import Server

FAULTS = ("Traceback", "fault while answering", "panicked", "a process died", "Fatal Python error", "never retrieved")


@contextmanager
def unharmed(server: Server) -> Iterator[None]:
    """Fails unless the same processes run afterwards, the log holds no fault, and files lie where they belong."""
    before = processes(server)
    logged = len(server.log())
    yield
    assert processes(server) == before, "a process of the server died"
    said = server.log()[logged:]
    found = [line[:2000] for line in said.splitlines() if any(fault in line for fault in FAULTS)]
    assert not found, found
    assert strangers(server) == []
    temporary = server.root / "entrepot" / "tmp"
    until(lambda: not any(temporary.iterdir()), what="nothing is left on its way to a name", seconds=5)


def processes(server: Server) -> list[int]:
    """The supervisor and its children."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
    return [server.pid, *sorted(int(pid) for pid in children.split())]


def strangers(server: Server) -> list[str]:
    """Files beside the data directory, and in it outside the known layout."""
    beside = [path for path in server.home.iterdir() if path.name not in {"config.yml", "registry.log", "data"}]
    inside = [path for path in server.root.iterdir() if path.name not in {"docker", "entrepot"}]
    v2 = server.root / "docker" / "registry" / "v2"
    deeper = [path for path in v2.iterdir() if path.name not in {"blobs", "repositories"}]
    around = [path for path in server.home.parent.iterdir() if path != server.home]
    return [str(path) for path in (*beside, *inside, *deeper, *around)]


def memory(server: Server) -> int:
    """Bytes that all processes of the server hold together (PSS: shared pages are counted once)."""
    return sum(_pss(pid) for pid in processes(server))


def _pss(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
