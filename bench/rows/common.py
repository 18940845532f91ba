# SPDX-License-Identifier: Apache-2.0
"""What all rows do with their measurements."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from bench.servers import Program, Server
from bench.stage import Bench, Measured, Stage
from bench.table import Reading

T = TypeVar("T")


def readings(
    programs: Sequence[Program],
    stage: Stage,
    results: Mapping[str, Measured[T]],
    read: Callable[[str, Measured[T]], Reading],
) -> tuple[Reading, ...]:
    """Make one reading for each server; one that failed says why."""
    return tuple(
        read(program.name, results[program.name])
        if program.name in results and program.name not in stage.problems
        else Reading(program.name, problem=stage.problems.get(program.name, "gave no measurement"))
        for program in programs
    )


def each(stage: Stage, work: Callable[[Server], None]) -> None:
    """Do something with every server that is not measured."""
    for server in list(stage.servers.values()):
        try:
            work(server)
        except (OSError, RuntimeError, ValueError) as error:
            stage.fail(server.name, error)


def write_paths(bench: Bench, name: str, paths: Sequence[str]) -> Path:
    """Write the file of paths that wrk draws from."""
    file = bench.directory / f"{name}.paths"
    file.write_text("".join(f"{path}\n" for path in paths), encoding="ascii")
    return file
