# SPDX-License-Identifier: Apache-2.0
"""Work that nobody waits for: building the index of adopted data, and collecting while people pull and push."""

import dataclasses
import os
import threading
import time
from pathlib import Path

from bench import data, servers, wrk
from bench.data import Blob, Shape
from bench.pushes import push_blob
from bench.rows.common import write_paths
from bench.servers import ENTREPOT, Server
from bench.stage import Bench
from bench.table import Line, Reading, middle
from bench.wrk import Load

_SHAPE = Shape(200, 5)
_LOAD = Load(16, 2, 40)
"""GETs at a pace of 400/s: 16 connections that pause 40 ms each."""

_GARBAGE = "collector:\n  enabled: {enabled}\n  grace: 0s\n  interval: 1s\n"


def rebuild(bench: Bench) -> list[Line]:
    """How fast the index of adopted data was built, while nobody asked for anything."""
    shape = bench.scale.tags
    stage = bench.stage("tags", shape)
    server = stage.servers.get(ENTREPOT.name)
    if server is None:
        return [Line("index built", "", (Reading(ENTREPOT.name, problem=stage.problems.get(ENTREPOT.name, "")),))]
    seconds = server.settled_after - server.ready_after
    note = f"{shape.repositories / seconds:,.0f} repositories a second; {seconds:.0f} s in all, at half a core"
    reading = Reading(ENTREPOT.name, value=shape.tags / seconds, note=note)
    return [Line(f"manifests adopted, {shape.tags:,} in {shape.repositories:,} repositories", "/s", (reading,))]


def collect(bench: Bench) -> list[Line]:
    """p99 of small GETs, pushes beside them, without a collector and while it removes unreferenced blobs."""
    count = bench.scale.unreferenced
    alone, _ = _measure(bench, count, enabled=False)
    beside, seconds = _measure(bench, count, enabled=True)
    work = "p99 of small GETs (16 connections, 400/s) beside pushes of 4 KiB"
    removed = f"{count:,} blobs removed in {seconds:.0f} s" if seconds else f"not all of {count:,} were removed in time"
    return [
        Line(work, "ms", (Reading(ENTREPOT.name, value=alone, p99_ms=alone),), higher_is_better=False),
        Line(
            f"the same while {count:,} unreferenced blobs are collected",
            "x without",
            (Reading(ENTREPOT.name, value=beside / alone, p99_ms=beside, note=removed),),
            "<= 1.1 x",
            higher_is_better=False,
        ),
    ]


def _measure(bench: Bench, count: int, *, enabled: bool) -> tuple[float, float]:
    """The p99 in ms, and the seconds until all was removed (0: it was not)."""
    home = bench.directory / f"collect-{enabled}"
    root = home / "data"
    data.write_registry(root, _SHAPE)
    blobs = root / "docker/registry/v2/blobs/sha256"
    litter = _litter(blobs, count) if enabled else set()
    extra = _GARBAGE.format(enabled=str(enabled).lower())
    program = dataclasses.replace(ENTREPOT, template=ENTREPOT.template + extra)
    server = servers.start(program, home, root, patience=120)
    paths = write_paths(bench, f"collect-{enabled}", list(_SHAPE.manifest_paths()))
    began = time.monotonic()
    until = began + (bench.scale.collect_seconds if enabled else 5 * _LOAD.seconds)
    enough = threading.Event()
    pusher = threading.Thread(target=_push, args=(server, enough))
    pusher.start()
    figures: list[float] = []
    done = 0.0
    try:
        while time.monotonic() < until and not done:
            figures.append(wrk.run(server.origin, paths, _LOAD, seed=len(figures) + 1).p99_ms)
            if litter and litter.isdisjoint(_digests(blobs)):
                done = time.monotonic() - began
    finally:
        enough.set()
        pusher.join(30)
        server.stop()
    return middle(figures), done


def _push(server: Server, enough: threading.Event) -> None:
    """Ten blobs a second, while the collector works."""
    with server.connect() as connection:
        while not enough.wait(0.1):
            content = os.urandom(4096)
            push_blob(connection, "bench/pushes", content, Blob.of(content).digest)


def _litter(blobs: Path, count: int) -> set[str]:
    """Bytes that no repository holds."""
    made = set()
    for _ in range(count):
        blob = Blob.of(os.urandom(64))
        directory = blobs / blob.hex[:2] / blob.hex
        directory.mkdir()
        (directory / "data").write_bytes(blob.content)
        made.add(blob.hex)
    os.sync()
    return made


def _digests(blobs: Path) -> list[str]:
    return [name for slice_ in os.listdir(blobs) for name in os.listdir(blobs / slice_)]
