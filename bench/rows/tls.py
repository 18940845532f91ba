# SPDX-License-Identifier: Apache-2.0
"""GETs of manifests and the pull of a large blob over TLS, and by the same registries without it."""

from dataclasses import replace
from functools import partial

from bench.certificates import make_pair
from bench.data import Shape
from bench.pushes import Stream
from bench.rows.common import each, readings, write_paths
from bench.rows.gets import read_gets, take_gets, warm
from bench.rows.pull import find_path, push_large, read_cost, read_speed, time_pull
from bench.servers import Program, Server
from bench.stage import GIB, Bench, Measured, Stage
from bench.table import Line, Reading
from bench.variants import named, with_tls
from bench.wrk import Load

_SHAPE = Shape(200, 5)
_CONNECTIONS = 32


def gets_over_tls(bench: Bench) -> list[Line]:
    """Many on each connection: what encrypting costs, not what shaking hands does."""
    stage, secure, plain = _set_up(bench, "get-tls", _SHAPE)
    file = write_paths(bench, "tls", list(_SHAPE.manifest_paths()))
    each(stage, lambda server: warm(server, file))
    load = Load(_CONNECTIONS, bench.scale.seconds)
    results = take_gets(stage, dict.fromkeys(stage.servers, file), load, bench.scale.rounds)
    work = f"GET manifest by tag over TLS, {_SHAPE.tags:,} tags, {_CONNECTIONS} connections"
    return [
        Line(work, "/s", readings(secure, stage, results, read_gets), cpu_unit="1,000 GETs"),
        Line("the same without TLS", "/s", readings(plain, stage, results, read_gets), cpu_unit="1,000 GETs"),
    ]


def pull_over_tls(bench: Bench) -> list[Line]:
    """A large blob; the client decrypts on the same cores."""
    stage, secure, plain = _set_up(bench, "pull-tls")
    stream = Stream(bench.scale.large_bytes)
    agreed: dict[str, str] = {}

    def prepare(server: Server) -> None:
        push_large(server, stream)
        with server.connect() as connection:
            agreed[server.name] = connection.cipher()

    def speed(server: str, measured: Measured[float]) -> Reading:
        return replace(read_speed(bench, server, measured), note=agreed[server])

    each(stage, prepare)
    results = stage.in_turn(bench.scale.rounds, lambda server: time_pull(server, find_path(stream)), settle=True)
    cost = partial(read_cost, bench)
    work = f"pull one blob of {bench.scale.large_bytes / GIB:g} GiB"
    cpu = "server CPU to pull it"
    return [
        Line(f"{work} over TLS", "GB/s", readings(secure, stage, results, speed)),
        Line(f"{cpu} over TLS", "s/GB", readings(secure, stage, results, cost), higher_is_better=False),
        Line(f"{work} by the same, without TLS", "GB/s", readings(plain, stage, results, speed)),
        Line(f"{cpu} by the same, without TLS", "s/GB", readings(plain, stage, results, cost), higher_is_better=False),
    ]


def _set_up(bench: Bench, key: str, shape: Shape | None = None) -> tuple[Stage, list[Program], list[Program]]:
    """Each registry twice, on the same data: over TLS, with one certificate for all, and without."""
    pair = make_pair(bench.directory / f"{key}-pair", "server")
    secure = [named(with_tls(program, pair), "TLS") for program in bench.registries]
    plain = [named(program, "no TLS") for program in bench.registries]
    return bench.stage(key, shape, [*secure, *plain]), secure, plain
