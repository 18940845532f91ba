# SPDX-License-Identifier: Apache-2.0
"""Pulling one large blob, with nginx beside the registries serving the same file."""

import time
from functools import partial
from pathlib import Path

from bench import pushes
from bench.errors import BenchError
from bench.pushes import Stream
from bench.rows.common import each, readings
from bench.servers import NGINX, Server
from bench.stage import GIB, Bench, Measured, Stage
from bench.table import Line, Reading, middle

_REPOSITORY = "pulled/large"


def blob(bench: Bench) -> list[Line]:
    """Time and CPU of a pull; the blob was pushed just before, so it lies in memory for all."""
    stage = bench.stage("pushes")
    stream = Stream(bench.scale.large_bytes)
    each(stage, lambda server: push_large(server, stream))
    _start_nginx(stage, stream)

    def measure(server: Server) -> float:
        return time_pull(server, _file(stream) if server.program is NGINX else find_path(stream))

    results = stage.in_turn(bench.scale.rounds, measure, settle=True)
    programs = [*bench.registries, NGINX]
    fast = readings(programs, stage, results, partial(read_speed, bench))
    cheap = readings(programs, stage, results, partial(read_cost, bench))
    lines = [
        Line(f"pull one blob of {bench.scale.large_bytes / GIB:g} GiB", "GB/s", fast, target=">= nginx"),
        Line("server CPU to pull it", "s/GB", cheap, target="<= nginx", higher_is_better=False),
    ]
    if (nginx := stage.servers.pop(NGINX.name, None)) is not None:
        nginx.stop()
    return lines


def push_large(server: Server, stream: Stream) -> None:
    """Push it, and pull it once, so that it lies in memory."""
    with server.connect() as connection:
        pushes.push_stream(connection, _REPOSITORY, stream)
        connection.download(find_path(stream))


def find_path(stream: Stream) -> str:
    """Where a registry has the blob that was pushed."""
    return f"/v2/{_REPOSITORY}/blobs/{stream.digest}"


def time_pull(server: Server, path: str) -> float:
    """The seconds that a pull takes, without those of connecting."""
    with server.connect() as connection:
        began = time.perf_counter()
        connection.download(path)
        return time.perf_counter() - began


def _file(stream: Stream) -> str:
    algorithm, _, hex_ = stream.digest.partition(":")
    return f"/docker/registry/v2/blobs/{algorithm}/{hex_[:2]}/{hex_}/data"


def _start_nginx(stage: Stage, stream: Stream) -> None:
    roots = [server.data for server in stage.servers.values() if Path(f"{server.data}{_file(stream)}").is_file()]
    if roots:
        stage.start(NGINX, roots[0], patience=20)
    else:
        stage.fail(NGINX.name, BenchError("no registry has the file that it should serve"))


def read_speed(bench: Bench, server: str, measured: Measured[float]) -> Reading:
    """How fast the large blob was pulled."""
    return Reading(
        server,
        value=bench.scale.large_bytes / 1e9 / middle(measured.samples),
        p50_ms=1e3 * middle(measured.samples),
        cpu_seconds=measured.cpu_seconds,
        peak_bytes=measured.peak_bytes,
    )


def read_cost(bench: Bench, server: str, measured: Measured[float]) -> Reading:
    """What pulling it cost the server."""
    return Reading(server, value=measured.cpu_seconds / (len(measured.samples) * bench.scale.large_bytes / 1e9))
