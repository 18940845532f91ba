# SPDX-License-Identifier: Apache-2.0
"""GETs in numbers: drives wrk with get.lua and reads its figures. A client in Python would be the bottleneck."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError

_SCRIPT = Path(__file__).with_name("get.lua")


@dataclass(frozen=True)
class Load:
    """How to ask: so many connections for so long, each pausing so long before a request."""

    connections: int
    seconds: int
    pause_ms: int = 0


@dataclass(frozen=True)
class Figures:
    """What one run of wrk found."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def run(origin: str, paths: Path, load: Load, seed: int = 1) -> Figures:
    """Load a server with GETs of random paths out of a file; an answer that is no success spoils the run.

    `origin`: its scheme, host and port. Over TLS wrk takes any certificate.
    """
    if shutil.which("wrk") is None:
        raise BenchError("wrk is not installed: apt-get install wrk")
    command = ["wrk", "--latency", "--threads", "1", "--connections", str(load.connections)]
    command += ["--duration", f"{load.seconds}s", "--timeout", "20s", "--script", str(_SCRIPT)]
    command += [origin, "--", str(paths), str(seed), str(load.pause_ms)]
    limit = load.seconds + 60
    ended = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    if ended.returncode != 0:
        raise BenchError(f"wrk failed: {(ended.stderr or ended.stdout).strip()[:200]}")
    return parse(ended.stdout)


def parse(output: str) -> Figures:
    """Read the line that get.lua prints when it is done."""
    lines = [line for line in output.splitlines() if line.startswith("figures ")]
    if not lines:
        raise BenchError(f"wrk printed no figures: {output.strip()[:200]}")
    found = {key: int(number) for key, number in re.findall(r"(\w+)=(-?\d+)", lines[-1])}
    if found["requests"] == 0:
        raise BenchError("no request was answered")
    if failed := found["status_errors"] + found["socket_errors"]:
        raise BenchError(f"{failed} of {found['requests']} requests failed")
    return Figures(
        requests=found["requests"],
        seconds=found["duration_us"] / 1e6,
        p50_ms=found["p50_us"] / 1e3,
        p99_ms=found["p99_us"] / 1e3,
    )
