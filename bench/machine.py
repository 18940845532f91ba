# SPDX-License-Identifier: Apache-2.0
"""The machine and the programs that a table was measured with, in a few lines."""

import datetime as dt
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.servers import Program


@dataclass(frozen=True)
class Disk:
    """The filesystem that holds the data."""

    kind: str
    device: str
    free_bytes: int
    free_inodes: int

    @classmethod
    def of(cls, directory: Path) -> "Disk":
        """Look it up: the longest mount point above the directory."""
        here = directory.resolve()
        kind, device, longest = "unknown", "unknown", -1
        for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines():
            source, point, type_, *_ = line.split()
            mount = Path(point.replace("\\040", " "))
            if (here == mount or mount in here.parents) and len(mount.parts) >= longest:
                kind, device, longest = type_, source, len(mount.parts)
        stat = os.statvfs(here)
        # Some filesystems make inodes as they need them, and count none.
        inodes = stat.f_favail if stat.f_files else 1 << 62
        return cls(kind, device, stat.f_bavail * stat.f_frsize, inodes)

    def require(self, bytes_: int, inodes: int, directory: Path) -> None:
        """Refuse to begin what would fill the disk."""
        if self.free_bytes < bytes_ or self.free_inodes < inodes:
            gib = 1 << 30
            raise BenchError(
                f"{directory} ({self.kind}) has {self.free_bytes / gib:.1f} GiB and {self.free_inodes:,} inodes free, "
                f"the run needs {bytes_ / gib:.0f} GiB and {inodes:,}: name another disk with --dir, or use --short"
            )


def describe(programs: Sequence[Program], disk: Disk) -> list[str]:
    """Everything that a reader needs to judge the figures."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    versions = [program.describe() for program in programs]
    now = dt.datetime.now(dt.UTC)
    where = (
        f"{now:%Y-%m-%d %H:%M} UTC; {_cpu()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory; "
        f"Linux {platform.release()}; {_system()}; data on {disk.kind}"
    )
    return [where, f"{'; '.join(versions)}; load: {_wrk()}, Python {platform.python_version()}, on the same cores"]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.lower().startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _wrk() -> str:
    if shutil.which("wrk") is None:
        return "wrk not installed"
    answer = subprocess.run(["wrk", "--version"], capture_output=True, text=True, timeout=10, check=False)
    return " ".join(answer.stdout.split()[:2])
