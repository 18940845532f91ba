# SPDX-License-Identifier: Apache-2.0
"""GETs of manifests by tag: over all tags, of one hot tag, and while large uploads run beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench import wrk
from bench.data import Shape
from bench.pushes import Uploads
from bench.rows.common import each, readings, write_paths
from bench.servers import Server
from bench.stage import GIB, Bench, Measured, Stage
from bench.table import Line, Reading, middle
from bench.wrk import Figures, Load

_CONNECTIONS = 32
_UPLOADS = 4
_SMALL = Shape(200, 5)


def random_tags(bench: Bench) -> list[Line]:
    """All tags at random."""
    shape = bench.scale.tags
    work = (
        f"GET manifest by tag, {shape.tags:,} tags in {shape.repositories:,} repositories, {_CONNECTIONS} connections"
    )
    return [_gets(bench, work, "all-tags", list(shape.manifest_paths()))]


def hot_tag(bench: Bench) -> list[Line]:
    """One tag of the same registries again and again."""
    hot = next(bench.scale.tags.manifest_paths())
    return [_gets(bench, f"GET manifest by tag, one hot tag, {_CONNECTIONS} connections", "hot-tag", [hot])]


def _gets(bench: Bench, work: str, name: str, paths: list[str]) -> Line:
    stage = bench.stage("tags", bench.scale.tags)
    file = write_paths(bench, name, paths)
    each(stage, lambda server: warm(server, file))
    files = dict.fromkeys(stage.servers, file)
    results = take_gets(stage, files, Load(_CONNECTIONS, bench.scale.seconds), bench.scale.rounds)
    lines = readings(bench.registries, stage, results, read_gets)
    return Line(work, "/s", lines, target="10x", cpu_unit="1,000 GETs")


def take_gets(stage: Stage, files: Mapping[str, Path], load: Load, rounds: int) -> dict[str, Measured[Figures]]:
    """Let the servers answer GETs in turn, each those of its file."""
    seeds = count(1)
    return stage.in_turn(rounds, lambda server: wrk.run(server.origin, files[server.name], load, seed=next(seeds)))


def read_gets(server: str, measured: Measured[Figures]) -> Reading:
    """What GETs found: the rate, and what it cost."""
    runs = measured.samples
    return Reading(
        server,
        value=middle(run.rate for run in runs),
        p50_ms=middle(run.p50_ms for run in runs),
        p99_ms=middle(run.p99_ms for run in runs),
        cpu_seconds=measured.cpu_seconds,
        cpu_each=1000 * measured.cpu_seconds / sum(run.requests for run in runs),
        peak_bytes=measured.peak_bytes,
    )


def warm(server: Server, paths: Path) -> None:
    """Let it do for a second what will be measured."""
    wrk.run(server.origin, paths, Load(_CONNECTIONS, 1))


@dataclass(frozen=True)
class _Mode:
    """A way to ask for small things: as fast as the answers come, or at a pace that leaves the server room."""

    name: str
    load: Load


@dataclass(frozen=True)
class _Pair:
    """GETs without and with uploads beside them."""

    alone: Figures
    beside: Figures
    upload_rate: float


_Round = dict[str, _Pair]


def beside_uploads(bench: Bench) -> list[Line]:
    """The p99 of small GETs while four large uploads run, beside the p99 without them.

    Every round has new servers on new data, so that what the uploads leave on the disk is bounded.
    """
    seconds = bench.scale.seconds
    modes = [
        _Mode("16 connections, 400/s", Load(16, seconds, 40)),
        _Mode("16 connections, no pause", Load(16, seconds)),
    ]
    paths = write_paths(bench, "beside", list(_SMALL.manifest_paths()))
    results: dict[str, Measured[_Round]] = {}
    stage = bench.stage("beside-0", _SMALL)
    problems: dict[str, str] = {}
    for round_ in range(bench.scale.rounds):
        stage = bench.stage(f"beside-{round_}", _SMALL)
        each(stage, lambda server: warm(server, paths))
        found = stage.in_turn(1, lambda server: _round(bench, server, modes, paths), settle=True)
        for name, measured in found.items():
            before = results.get(name, Measured[_Round]())
            results[name] = before.joined(measured)
        problems.update(stage.problems)
    stage.problems.update(problems)
    return [line for mode in modes for line in _lines(bench, stage, results, mode)]


def _round(bench: Bench, server: Server, modes: list[_Mode], paths: Path) -> _Round:
    alone = {mode.name: wrk.run(server.origin, paths, mode.load) for mode in modes}
    pairs = {}
    for mode in modes:
        uploads = Uploads(server.port, _UPLOADS, bench.scale.large_bytes)
        try:
            uploads.wait_until_flowing()
            beside = wrk.run(server.origin, paths, mode.load)
        finally:
            rate = uploads.end()
        pairs[mode.name] = _Pair(alone[mode.name], beside, rate)
    return pairs


def _lines(bench: Bench, stage: Stage, results: Mapping[str, Measured[_Round]], mode: _Mode) -> list[Line]:
    def alone(server: str, measured: Measured[_Round]) -> Reading:
        runs = [pairs[mode.name].alone for pairs in measured.samples]
        p99 = middle(run.p99_ms for run in runs)
        return Reading(server, value=p99, p50_ms=middle(run.p50_ms for run in runs), p99_ms=p99)

    def beside(server: str, measured: Measured[_Round]) -> Reading:
        pairs = [pairs[mode.name] for pairs in measured.samples]
        p99 = middle(pair.beside.p99_ms for pair in pairs)
        asked = middle(pair.beside.rate for pair in pairs)
        sent = middle(pair.upload_rate for pair in pairs) / 1e6
        return Reading(
            server,
            value=p99 / middle(pair.alone.p99_ms for pair in pairs),
            compared=p99,
            p50_ms=middle(pair.beside.p50_ms for pair in pairs),
            p99_ms=p99,
            cpu_seconds=measured.cpu_seconds,
            peak_bytes=measured.peak_bytes,
            note=f"{asked:,.0f} GETs/s were answered while the uploads brought {sent:,.0f} MB/s; "
            "CPU and memory are those of the whole row",
        )

    size = f"{bench.scale.large_bytes / GIB:g} GiB"
    without = readings(bench.registries, stage, results, alone)
    during = readings(bench.registries, stage, results, beside)
    title = f"p99 of small GETs ({mode.name})"
    return [
        Line(f"{title} alone", "ms", without, higher_is_better=False),
        Line(f"{title} beside {_UPLOADS} uploads of {size}", "x alone", during, "<= 3 x", higher_is_better=False),
    ]
