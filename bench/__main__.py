# SPDX-License-Identifier: Apache-2.0
"""`python -m bench`: run the rows, print the one table, and on request put it into README.md beside this file."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from bench import machine, table
from bench.errors import BenchError
from bench.rows import ROWS
from bench.servers import ENTREPOT, NGINX, PEERS, Program, registry
from bench.stage import FULL, GIB, SHORT, Bench, Scale, remove
from bench.table import Line, Reading

_PAGE = Path(__file__).with_name("README.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; 0 when every row was measured for every server."""
    options = _parse(arguments)
    scale = SHORT if options.short else FULL
    programs = options.registries
    try:
        with tempfile.TemporaryDirectory(prefix="entrepot-bench-", dir=options.dir) as directory:
            place = Path(directory)
            disk = machine.Disk.of(place)
            disk.require(scale.disk_bytes + (64 * GIB if options.heavy else 0), scale.inodes, place)
            about = machine.describe([*programs, NGINX], disk)
            _say("\n".join(about))
            lines = _run(options.rows, Bench(programs, place, scale, _say, heavy=options.heavy))
            drawn = table.render(lines)
            print(drawn, flush=True)
            _say("removing the data")
            remove(place)
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 2
    if options.write:
        table.write_between_markers(_PAGE, _page_part(about, drawn, scale, options.heavy))
        _say(f"written to {_PAGE}")
    return 1 if any(reading.problem for line in lines for reading in line.readings) else 0


def _run(rows: Sequence[str], bench: Bench) -> list[Line]:
    lines: list[Line] = []
    began = time.monotonic()
    try:
        for name in rows:
            _say(f"[{time.monotonic() - began:4.0f} s] {name}")
            try:
                lines += ROWS[name](bench)
            except (BenchError, OSError) as error:
                readings = tuple(Reading(program.name, problem=str(error)) for program in bench.registries)
                lines.append(Line(name, "", readings))
    finally:
        bench.close()
    _say(f"[{time.monotonic() - began:4.0f} s] done")
    return lines


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure entrepot beside its peers in one run."
    )
    parser.add_argument("--rows", type=_rows, default=list(ROWS), help=f"some of: {','.join(ROWS)}")
    parser.add_argument("--short", action="store_true", help="a smoke run of a minute or two; its figures mean little")
    parser.add_argument("--heavy", action="store_true", help="send all 64 GiB in memory-uploads, for each registry")
    parser.add_argument("--dir", type=Path, help="a directory on the disk to use (default: a temporary one)")
    parser.add_argument("--write", action="store_true", help="put the table into bench/README.md")
    parser.add_argument("--only", help="measure these registries alone, by name, comma between")
    parser.add_argument(
        "--also", action="append", default=[], metavar="NAME=PROGRAM", help="another registry that takes: serve CONFIG"
    )
    options = parser.parse_args(arguments)
    if options.write and (options.short or options.only or options.rows != list(ROWS)):
        parser.error("--write takes a whole run: without --short, --only and --rows")
    if options.dir is not None and not options.dir.is_dir():
        parser.error(f"--dir {options.dir} is not a directory")
    options.registries = _registries(parser, options)
    return options


def _rows(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in ROWS]:
        raise argparse.ArgumentTypeError(f"no row is called {unknown[0]}; there are {', '.join(ROWS)}")
    return [name for name in ROWS if name in names]


def _registries(parser: argparse.ArgumentParser, options: argparse.Namespace) -> list[Program]:
    programs = [ENTREPOT, *PEERS]
    for given in options.also:
        name, equals, program = given.partition("=")
        if not equals:
            parser.error(f"--also takes NAME=PROGRAM, not {given}")
        programs.append(registry(name, program, f"--also named it as {program}"))
    if options.only:
        names = options.only.split(",")
        programs = [program for program in programs if program.name in names]
        if not programs:
            parser.error(f"no registry is called {options.only}")
    return programs


def _page_part(about: Sequence[str], drawn: str, scale: Scale, heavy: bool) -> str:
    command = "make bench" if not heavy else "make bench ARGS=--heavy"
    facts = "\n".join(f"- {line}" for line in about)
    return (
        f"`{command}`, {scale.rounds} interleaved runs of {scale.seconds} s where a row says p99:\n\n{facts}\n\n{drawn}"
    )


def _say(text: str) -> None:
    """Tell how far the run is; on standard error, so that standard output holds the table alone."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _end(_number: int, _frame: FrameType | None) -> None:
    """A polite request to end takes the same way out as Ctrl-C: servers stopped, data removed."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
