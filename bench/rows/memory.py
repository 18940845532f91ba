# SPDX-License-Identifier: Apache-2.0
"""Memory: of a server at rest, and what many uploads at once add to it."""

from bench import process
from bench.process import Meter
from bench.pushes import upload_at_once
from bench.rows.common import readings
from bench.servers import Server
from bench.stage import GIB, MIB, Bench, Measured
from bench.table import Line, Reading, middle


def idle(bench: Bench) -> list[Line]:
    """A server that was just started on an empty directory and has nothing to do."""
    stage = bench.stage("memory")

    def measure(server: Server) -> tuple[int, int]:
        return process.settled_pss(server.pid, pause=bench.scale.idle_pause, samples=5), len(process.tree(server.pid))

    def read(server: str, measured: Measured[tuple[int, int]]) -> Reading:
        (memory, processes) = measured.samples[0]
        return Reading(server, value=memory / MIB, note=f"{processes} processes")

    lines = readings(bench.registries, stage, stage.in_turn(1, measure), read)
    return [Line("memory, idle", "MiB", lines, target="<= 191 MiB (200 MB)", higher_is_better=False)]


def uploads(bench: Bench) -> list[Line]:
    """What many uploads under way at once add; all of each blob is sent only in a heavy run."""
    stage = bench.stage("memory")
    count, size = bench.scale.uploads_at_once, GIB if bench.heavy else bench.scale.bytes_each

    def measure(server: Server) -> float:
        before = process.settled_pss(server.pid, pause=bench.scale.idle_pause, samples=5)
        with Meter(server.pid, interval=0.1) as meter:
            upload_at_once(server.port, count, size)
        return max(0, meter.usage.peak_bytes - before) / MIB

    def read(server: str, measured: Measured[float]) -> Reading:
        return Reading(
            server,
            value=middle(measured.samples),
            cpu_seconds=measured.cpu_seconds,
            cpu_each=measured.cpu_seconds / (count * size / 1e9),
            peak_bytes=measured.peak_bytes,
        )

    lines = readings(bench.registries, stage, stage.in_turn(1, measure, settle=True), read)
    part = "" if bench.heavy else f", the first {size // MIB} MiB of each"
    work = f"memory that {count} uploads of 1 GiB at once add{part}"
    return [Line(work, "MiB", lines, "<= 143 MiB (150 MB)", cpu_unit="GB", higher_is_better=False)]
