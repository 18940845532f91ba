# SPDX-License-Identifier: Apache-2.0
"""GETs of manifests by who proves who they are: with a password in each request, and with tokens."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench import wrk
from bench.data import Shape
from bench.rows.common import each, readings, write_paths
from bench.rows.gets import read_gets, take_gets
from bench.servers import ENTREPOT, Program, Server
from bench.stage import Bench, Stage
from bench.table import Line
from bench.tokens import Issuer, fetch_tokens, write_basic
from bench.variants import BCRYPT_COST, named, with_accounts, with_htpasswd, with_token
from bench.wrk import Load

_SHAPE = Shape(200, 5)
_CONNECTIONS = 32
_AT_LEAST = 4
"""Seconds of a run where an answer may cost 60 ms of a core or more, so that each connection gets some."""

Authorize = Callable[[Server, str], str]
"""The Authorization header for a server and a repository; "" for none."""


def htpasswd(bench: Bench) -> list[Line]:
    """The same user and password in every request."""
    password = secrets.token_urlsafe(16)
    basic = write_basic("puller", password)
    programs = [with_htpasswd(program, bench.directory, "puller", password) for program in bench.registries]
    stage = bench.stage("get-htpasswd", _SHAPE, programs)
    files = _write_requests(bench, stage, lambda _server, _repository: basic)
    load = Load(_CONNECTIONS, max(_AT_LEAST, bench.scale.seconds))
    each(stage, lambda server: _warm(server, files[server.name], load))
    lines = readings(programs, stage, take_gets(stage, files, load, bench.scale.rounds), read_gets)
    how = f"htpasswd (bcrypt, cost {BCRYPT_COST})"
    work = f"GET manifest by tag, {how}, {_SHAPE.tags:,} tags, {_CONNECTIONS} connections"
    return [Line(work, "/s", lines, target="500x", cpu_unit="1,000 GETs")]


def token(bench: Bench) -> list[Line]:
    """A token for each of the repositories, of an issuer elsewhere and of our own; and the same without any."""
    issuer = Issuer.make(bench.directory / "issuer")
    foreign = [with_token(program, issuer) for program in bench.registries]
    has_ours = ENTREPOT in bench.registries
    free = [named(ENTREPOT, "no auth")] if has_ours else []
    ours = [named(with_accounts(ENTREPOT), "accounts")] if has_ours else []
    stage = bench.stage("get-token", _SHAPE, [*foreign, *free, *ours])
    given = {repository: issuer.token(repository) for repository in _SHAPE.names()}
    made: dict[str, str] = {}

    def fetch(server: Server) -> None:
        if server.program in ours:
            made.update(fetch_tokens(server, _SHAPE.names()))

    def authorize(server: Server, repository: str) -> str:
        if server.program in free:
            return ""
        return f"Bearer {(made if server.program in ours else given)[repository]}"

    each(stage, fetch)
    files = _write_requests(bench, stage, authorize)
    load = Load(_CONNECTIONS, bench.scale.seconds)
    each(stage, lambda server: _warm(server, files[server.name], load))
    results = take_gets(stage, files, load, bench.scale.rounds)

    def line(what: str, programs: Sequence[Program]) -> Line:
        work = f"GET manifest by tag, {what}, {_SHAPE.tags:,} tags, {_CONNECTIONS} connections"
        lines = readings(programs, stage, results, read_gets)
        return Line(work, "/s", lines, target=">= 0.80x no auth", cpu_unit="1,000 GETs")

    lines = [line("tokens of another issuer", [*foreign[:1], *free, *foreign[1:]])]
    return [*lines, line("tokens of its own", [*ours, *free])] if has_ours else lines


def _write_requests(bench: Bench, stage: Stage, authorize: Authorize) -> Mapping[str, Path]:
    """The file of requests for each server."""
    files = {}
    for server in stage.servers.values():
        lines = []
        for path in _SHAPE.manifest_paths():
            header = authorize(server, path.removeprefix("/v2/").partition("/manifests/")[0])
            lines.append(f"{path}\t{header}" if header else path)
        files[server.name] = write_paths(bench, server.program.place, lines)
    return files


def _warm(server: Server, requests: Path, load: Load) -> None:
    wrk.run(server.origin, requests, load)
