# SPDX-License-Identifier: Apache-2.0
"""Pulling one large blob, with nginx beside the registries serving the same file."""

import time
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
    each(stage, lambda server: _push(server, stream))
    _start_nginx(stage, stream)
    path = f"/v2/{_REPOSITORY}/blobs/{stream.digest}"

    def measure(server: Server) -> float:
        with server.connect() as connection:
            began = time.perf_counter()
            connection.download(_file(stream) if server.program is NGINX else path)
            return time.perf_counter() - began

    results = stage.in_turn(bench.scale.rounds, measure, settle=True)
    lines = _lines(bench, stage, results)
    if (nginx := stage.servers.pop(NGINX.name, None)) is not None:
        nginx.stop()
    return lines


def _push(server: Server, stream: Stream) -> None:
    with server.connect() as connection:
        pushes.push_stream(connection, _REPOSITORY, stream)
        connection.download(f"/v2/{_REPOSITORY}/blobs/{stream.digest}")


def _file(stream: Stream) -> str:
    algorithm, _, hex_ = stream.digest.partition(":")
    return f"/docker/registry/v2/blobs/{algorithm}/{hex_[:2]}/{hex_}/data"


def _start_nginx(stage: Stage, stream: Stream) -> None:
    roots = [server.data for server in stage.servers.values() if Path(f"{server.data}{_file(stream)}").is_file()]
    if roots:
        stage.start(NGINX, roots[0], patience=20)
    else:
        stage.fail(NGINX.name, BenchError("no registry has the file that it should serve"))


def _lines(bench: Bench, stage: Stage, results: dict[str, Measured[float]]) -> list[Line]:
    size = bench.scale.large_bytes

    def speed(server: str, measured: Measured[float]) -> Reading:
        return Reading(
            server,
            value=size / 1e9 / middle(measured.samples),
            p50_ms=1e3 * middle(measured.samples),
            cpu_seconds=measured.cpu_seconds,
            peak_bytes=measured.peak_bytes,
        )

    def cost(server: str, measured: Measured[float]) -> Reading:
        return Reading(server, value=measured.cpu_seconds / (len(measured.samples) * size / 1e9))

    programs = [*bench.registries, NGINX]
    work = f"pull one blob of {size / GIB:g} GiB"
    fast = readings(programs, stage, results, speed)
    cheap = readings(programs, stage, results, cost)
    return [
        Line(work, "GB/s", fast, target=">= nginx"),
        Line("server CPU to pull it", "s/GB", cheap, target="<= nginx", higher_is_better=False),
    ]
