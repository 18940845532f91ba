# SPDX-License-Identifier: Apache-2.0
"""Where rows play: the scale of the run, and stages on which all registries serve the same data at the same time."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from bench import data, servers
from bench.data import Shape
from bench.errors import BenchError
from bench.process import Meter
from bench.servers import Program, Server

T = TypeVar("T")
MIB = 1 << 20
GIB = 1 << 30
_MANY_TAGS = 10_000


@dataclass(frozen=True)
class Scale:
    """How much work a run does; everything is bounded in count and time."""

    tags: Shape
    catalog: Shape
    one_repository: Shape
    many_repositories: int
    unreferenced: int
    collect_seconds: int
    rounds: int
    seconds: int
    blob_bytes: int
    blob_rounds: int
    large_bytes: int
    catalog_requests: int
    uploads_at_once: int
    bytes_each: int
    idle_pause: float
    disk_bytes: int
    inodes: int


FULL = Scale(
    tags=Shape(5_000, 20),
    catalog=Shape(20_000, 1),
    one_repository=Shape(1, 100_000),
    many_repositories=1_000_000,
    unreferenced=100_000,
    collect_seconds=300,
    rounds=5,
    seconds=4,
    blob_bytes=100 * MIB,
    blob_rounds=9,
    large_bytes=GIB,
    catalog_requests=1_000,
    uploads_at_once=64,
    bytes_each=64 * MIB,
    idle_pause=5,
    disk_bytes=32 * GIB,
    inodes=6_800_000,
)
SHORT = Scale(
    tags=Shape(100, 20),
    catalog=Shape(500, 1),
    one_repository=Shape(1, 1_000),
    many_repositories=10_000,
    unreferenced=500,
    collect_seconds=20,
    rounds=1,
    seconds=1,
    blob_bytes=16 * MIB,
    blob_rounds=3,
    large_bytes=64 * MIB,
    catalog_requests=50,
    uploads_at_once=16,
    bytes_each=4 * MIB,
    idle_pause=1,
    disk_bytes=4 * GIB,
    inodes=100_000,
)


@dataclass(frozen=True)
class Measured(Generic[T]):
    """What one server did over all its turns, and what that cost it."""

    samples: list[T] = field(default_factory=list)
    cpu_seconds: float = 0.0
    peak_bytes: int = 0

    def plus(self, sample: T, meter: Meter) -> "Measured[T]":
        """Add a turn."""
        used = meter.usage
        peak = max(self.peak_bytes, used.peak_bytes)
        return Measured([*self.samples, sample], self.cpu_seconds + used.cpu_seconds, peak)

    def joined(self, other: "Measured[T]") -> "Measured[T]":
        """Add all turns of another stage."""
        return Measured(
            [*self.samples, *other.samples],
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_bytes, other.peak_bytes),
        )


@dataclass
class Stage:
    """Servers that run on the same data; one that fails is out, with the reason."""

    home: Path
    servers: dict[str, Server] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def start(self, program: Program, directory: Path, patience: float) -> None:
        """Start a server on this stage."""
        try:
            self.servers[program.name] = servers.start(program, self.home / program.place, directory, patience)
        except (BenchError, OSError) as error:
            self.fail(program.name, error)

    def fail(self, name: str, error: Exception) -> None:
        """Take a server out."""
        self.problems.setdefault(name, str(error) or type(error).__name__)
        if (server := self.servers.pop(name, None)) is not None:
            server.stop()

    def in_turn(self, rounds: int, measure: Callable[[Server], T], *, settle: bool = False) -> dict[str, Measured[T]]:
        """Let the servers take turns, in alternating order; `settle` has written data on the disk before each."""
        results: dict[str, Measured[T]] = {}
        for number in range(rounds):
            turn = list(self.servers.values())
            for server in reversed(turn) if number % 2 else turn:
                if settle:
                    os.sync()
                meter = Meter(server.pid)
                try:
                    with meter:
                        sample = measure(server)
                except (BenchError, OSError, ValueError, subprocess.SubprocessError) as error:
                    self.fail(server.name, error)
                    continue
                results[server.name] = results.get(server.name, Measured[T]()).plus(sample, meter)
        return {name: result for name, result in results.items() if name in self.servers}

    def close(self, *, shed: bool) -> None:
        """Stop every server; `shed` removes what is large and leaves the many small files for the end of the run.

        ext4 passes over inodes that were freed in the last minutes: after a million of them were freed, making a file
        takes several times as long, and rows that push would measure that.
        """
        for server in self.servers.values():
            server.stop()
        self.servers.clear()
        if shed:
            subprocess.run(["find", str(self.home), "-type", "f", "-size", "+1024k", "-delete"], check=False)


def remove(directory: Path) -> None:
    """Remove all that is in a directory: one rm for each part, side by side, as there may be a million files in it."""
    parts = [part for stage in directory.iterdir() if stage.is_dir() for part in stage.iterdir()]
    for removal in [subprocess.Popen(["rm", "-rf", "--", str(part)]) for part in parts]:
        removal.wait()
    for left in directory.iterdir():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)


class Bench:
    """One run: which registries, where, how much; keeps the stage that the last row used for the next one."""

    def __init__(
        self, registries: Sequence[Program], directory: Path, scale: Scale, say: Callable[[str], None], *, heavy: bool
    ) -> None:
        self.registries = tuple(registries)
        self.directory = directory
        self.scale = scale
        self.heavy = heavy
        self.say = say
        self._stage: Stage | None = None
        self._key = ""
        self._sheds = False

    def stage(self, key: str, shape: Shape | None = None, programs: Sequence[Program] | None = None) -> Stage:
        """Give the stage of this name, with all registries serving a registry of this shape (none: empty).

        `programs`: what serves there instead, such as the registries in other configurations.
        """
        if self._stage is not None and self._key == key:
            return self._stage
        self.close()
        self._stage = stage = Stage(self.directory / key)
        self._key = key
        self._sheds = shape is None or shape.tags < _MANY_TAGS
        programs = self.registries if programs is None else programs
        roots = {program.name: stage.home / f"{program.place}-data" for program in programs}
        for program in programs:
            if (missing := program.missing()) is not None:
                stage.fail(program.name, BenchError(missing))
        present = [program for program in programs if program.name not in stage.problems]
        if shape is not None:
            self.say(f"writing {shape.tags:,} tags in {shape.repositories:,} repositories, a copy for each registry")
            data.write_copies([roots[program.name] for program in present], shape)
        for program in present:
            stage.start(program, roots[program.name], patience=60 + (shape.tags / 200 if shape else 0))
            if shape is not None and (server := stage.servers.get(program.name)) is not None:
                ready, settled = server.ready_after, server.settled_after
                self.say(f"{program.name} answered {ready:.1f} s and knew all {settled:.1f} s after its start on them")
        return stage

    def close(self) -> None:
        """End the stage that is there."""
        if self._stage is not None:
            self._stage.close(shed=self._sheds)
        self._stage = None
