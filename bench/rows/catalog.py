# SPDX-License-Identifier: Apache-2.0
"""A page of the catalog at the end of many repositories."""

import json
import time

from bench.errors import BenchError
from bench.rows.common import readings
from bench.servers import Server
from bench.stage import Bench, Measured
from bench.table import Line, Reading, middle, percentile

_PAGE = 100
_TURNS = 5


def last_page(bench: Bench) -> list[Line]:
    """The last page of 100, asked again and again on one connection."""
    shape = bench.scale.catalog
    stage = bench.stage("catalog", shape)
    names = shape.names()
    path = f"/v2/_catalog?n={_PAGE}&last={names[-_PAGE - 1]}"

    def measure(server: Server) -> list[float]:
        took: list[float] = []
        until = time.perf_counter() + bench.scale.seconds
        with server.connect() as connection:
            while time.perf_counter() < until and len(took) < bench.scale.catalog_requests:
                began = time.perf_counter()
                answer = connection.request("GET", path).expect(200, "a page of the catalog")
                took.append(time.perf_counter() - began)
                if json.loads(answer.body)["repositories"] != names[-_PAGE:]:
                    raise BenchError("the last page of the catalog holds the wrong repositories")
        return took

    def read(server: str, measured: Measured[list[float]]) -> Reading:
        p50 = 1e3 * middle(percentile(took, 0.5) for took in measured.samples)
        return Reading(
            server,
            value=p50,
            p50_ms=p50,
            p99_ms=1e3 * middle(percentile(took, 0.99) for took in measured.samples),
            cpu_seconds=measured.cpu_seconds,
            cpu_each=100 * measured.cpu_seconds / sum(len(took) for took in measured.samples),
            peak_bytes=measured.peak_bytes,
        )

    results = stage.in_turn(min(bench.scale.rounds, _TURNS), measure)
    lines = readings(bench.registries, stage, results, read)
    work = f"catalog page of {_PAGE} at the end of {shape.repositories:,} repositories"
    return [Line(work, "ms", lines, target="<= 2 ms", cpu_unit="100 pages", higher_is_better=False)]
