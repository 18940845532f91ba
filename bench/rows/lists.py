# SPDX-License-Identifier: Apache-2.0
"""Pages at the far end of very long lists, and one tag less in a repository that has very many."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from operator import eq

from bench import data, servers
from bench.data import Shape
from bench.errors import BenchError
from bench.rows.common import readings
from bench.servers import ENTREPOT, Server
from bench.stage import Bench, Measured
from bench.table import Line, Reading, middle, percentile

_PAGE = 100
_TURNS = 5
_DELETED = 40
"""Tags deleted in one turn."""


def last_tags(bench: Bench) -> list[Line]:
    """The last page of 100 tags of one repository, and deleting single tags of it (2.8.2 cannot)."""
    shape = bench.scale.one_repository
    stage = bench.stage("one-repository", shape)
    name, tags = shape.names()[0], shape.tag_names()
    path = f"/v2/{name}/tags/list?n={_PAGE}&last={tags[-_PAGE - 1]}"

    def measure(server: Server) -> list[float]:
        return _ask(server, path, "tags", partial(_is_page_or_all, tags[-_PAGE:]), bench)

    results = stage.in_turn(min(bench.scale.rounds, _TURNS), measure)
    lines = readings(bench.registries, stage, results, _read)
    work = f"page of {_PAGE} at the end of {shape.tags:,} tags of one repository"
    listed = Line(work, "ms", lines, cpu_unit="100 pages", higher_is_better=False)
    ours = stage.servers.get(ENTREPOT.name)
    if ours is None:
        return [listed]
    took = []
    with ours.connect() as connection:
        for tag in tags[: _DELETED * min(bench.scale.rounds, _TURNS)]:
            began = time.perf_counter()
            connection.request("DELETE", f"/v2/{name}/manifests/{tag}").expect(202, "deleting a tag")
            took.append(time.perf_counter() - began)
    reading = Reading(
        ENTREPOT.name,
        value=1e3 * percentile(took, 0.5),
        p50_ms=1e3 * percentile(took, 0.5),
        p99_ms=1e3 * percentile(took, 0.99),
        note="2.8.2 has no way to delete a tag alone",
    )
    work = f"deleting one tag of a repository with {shape.tags:,}"
    return [listed, Line(work, "ms", (reading,), "<= 10 ms", higher_is_better=False)]


def last_page(bench: Bench) -> list[Line]:
    """The last page of 100 of the catalog, asked again and again on one connection."""
    shape = bench.scale.catalog
    stage = bench.stage("catalog", shape)
    names = shape.names()
    path = f"/v2/_catalog?n={_PAGE}&last={names[-_PAGE - 1]}"

    def measure(server: Server) -> list[float]:
        return _ask(server, path, "repositories", partial(eq, names[-_PAGE:]), bench)

    results = stage.in_turn(min(bench.scale.rounds, _TURNS), measure)
    lines = readings(bench.registries, stage, results, _read)
    work = f"catalog page of {_PAGE} at the end of {shape.repositories:,} repositories"
    return [Line(work, "ms", lines, target="<= 2 ms", cpu_unit="100 pages", higher_is_better=False)]


def last_of_a_million(bench: Bench) -> list[Line]:
    """The last page of the catalog where the index knows a million repositories.

    They stand in the index alone: nine million files and directories would take the disk an hour. The comparison with
    storage that follows each start begins to take them out again at the other end while this is measured.
    """
    count = bench.scale.many_repositories
    home = bench.directory / "million"
    root = home / "data"
    data.write_registry(root, Shape(1, 1))
    servers.start(ENTREPOT, home / "first", root, patience=60).stop()
    names = [f"zoo-{number // 100:06}/app-{number:08}" for number in range(count)]
    with closing(sqlite3.connect(root / "entrepot/index.sqlite3")) as index, index:
        first, digest = index.execute("SELECT repository_id, digest FROM revisions").fetchone()
        rows = enumerate(names, int(first) + 1)
        index.executemany("INSERT INTO repositories (id, name, complete) VALUES (?, ?, 1)", rows)
        held = ((number, digest) for number in range(int(first) + 1, int(first) + 1 + count))
        index.executemany("INSERT INTO revisions (repository_id, digest, pushed_at) VALUES (?, ?, 0)", held)
    server = servers.start(ENTREPOT, home / "second", root, patience=60)
    try:
        path = f"/v2/_catalog?n={_PAGE}&last={names[-_PAGE - 1].replace('/', '%2F')}"
        took = _ask(server, path, "repositories", partial(eq, names[-_PAGE:]), bench)
    finally:
        server.stop()
    reading = Reading(
        ENTREPOT.name,
        value=1e3 * percentile(took, 0.5),
        p50_ms=1e3 * percentile(took, 0.5),
        p99_ms=1e3 * percentile(took, 0.99),
    )
    work = f"catalog page of {_PAGE} at the end of {count:,} repositories"
    return [Line(work, "ms", (reading,), "<= 2 ms", higher_is_better=False)]


def _ask(server: Server, path: str, key: str, right: Callable[[list[str]], bool], bench: Bench) -> list[float]:
    """Seconds of each answer, on one connection; each must be ``right``."""
    took: list[float] = []
    until = time.perf_counter() + bench.scale.seconds
    with server.connect() as connection:
        while time.perf_counter() < until and len(took) < bench.scale.catalog_requests:
            began = time.perf_counter()
            answer = connection.request("GET", path).expect(200, "a page")
            took.append(time.perf_counter() - began)
            if not right(json.loads(answer.body)[key]):
                raise BenchError(f"the last page holds the wrong {key}")
    return took


def _is_page_or_all(expected: list[str], found: list[str]) -> bool:
    """2.8.2 lists all tags in no order, whatever is asked for."""
    return found == expected or (len(found) > _PAGE and set(expected) <= set(found))


def _read(server: str, measured: Measured[list[float]]) -> Reading:
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
