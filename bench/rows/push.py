# SPDX-License-Identifier: Apache-2.0
"""Pushes: one blob in two requests, and small images by several clients at once."""

import hashlib
import os
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context

from bench import pushes
from bench.rows.common import readings
from bench.servers import Server
from bench.stage import MIB, Bench, Measured
from bench.table import Line, Reading, middle, percentile

_CLIENTS = 8


def blob(bench: Bench) -> list[Line]:
    """One blob, POST then PUT; every time another one, its digest known before the clock starts."""
    stage = bench.stage("pushes")
    size = bench.scale.blob_bytes
    body = bytearray(os.urandom(size))

    def measure(server: Server) -> float:
        body[:16] = os.urandom(16)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        with server.connect() as connection:
            return pushes.push_blob(connection, "pushed/blob", body, digest)

    def read(server: str, measured: Measured[float]) -> Reading:
        rounds = len(measured.samples)
        return Reading(
            server,
            value=size / 1e6 / middle(measured.samples),
            p50_ms=1e3 * middle(measured.samples),
            cpu_seconds=measured.cpu_seconds,
            cpu_each=measured.cpu_seconds / (rounds * size / 1e9),
            peak_bytes=measured.peak_bytes,
        )

    results = stage.in_turn(bench.scale.blob_rounds, measure, settle=True)
    lines = readings(bench.registries, stage, results, read)
    work = f"push one blob of {size // MIB} MiB, POST then PUT"
    return [Line(work, "MB/s", lines, target="2.9x (2x of 3.x)", cpu_unit="GB")]


def images(bench: Bench) -> list[Line]:
    """Images of two blobs of 4 KiB and a manifest, by eight clients at once; p50 and p99 are those of a whole image."""
    stage = bench.stage("pushes")
    rounds = count()
    with ProcessPoolExecutor(_CLIENTS, mp_context=get_context("spawn")) as pool:
        list(pool.map(time.sleep, [0.2] * _CLIENTS))  # every client process is there before the clock starts

        def measure(server: Server) -> list[float]:
            round_, start = next(rounds), time.monotonic() + 0.2
            clients = [
                pool.submit(pushes.push_images, server.port, client, round_, start, bench.scale.seconds)
                for client in range(_CLIENTS)
            ]
            took = [seconds for client in clients for seconds in client.result()]
            return [*took, time.monotonic() - start]

        results = stage.in_turn(bench.scale.rounds, measure, settle=True)

    lines = readings(bench.registries, stage, results, _read_images)
    work = f"push small images, {pushes.REQUESTS_PER_IMAGE} requests each, {_CLIENTS} clients"
    return [Line(work, "/s", lines, target="3.1x (2x of 3.x)", cpu_unit="100 images")]


def _read_images(server: str, measured: Measured[list[float]]) -> Reading:
    # The last number of each round is the time of the round itself.
    pushed = sum(len(took) - 1 for took in measured.samples)
    return Reading(
        server,
        value=middle((len(took) - 1) / took[-1] for took in measured.samples),
        p50_ms=1e3 * middle(percentile(took[:-1], 0.5) for took in measured.samples),
        p99_ms=1e3 * middle(percentile(took[:-1], 0.99) for took in measured.samples),
        cpu_seconds=measured.cpu_seconds,
        cpu_each=100 * measured.cpu_seconds / pushed,
        peak_bytes=measured.peak_bytes,
    )
