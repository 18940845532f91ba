# SPDX-License-Identifier: Apache-2.0
"""``entrepot fsck``: checks what is stored, says what is wrong, mends what can be. Works beside a running server."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from entrepot.app.opening import find_index, open_parts
from entrepot.cli.findings import is_wrong, printable, summarize, summarize_object, write_lines, write_object
from entrepot.config.load import load
from entrepot.config.mistakes import ConfigurationError
from entrepot.config.settings import Settings
from entrepot.jobs.adopting import adopt
from entrepot.jobs.checking import SAMPLE, Check, Tally, leave
from entrepot.jobs.mending import Mender
from entrepot.oci.errors import RegistryError, Unavailable
from entrepot.registry.adoption import Adoption, take_turns
from entrepot.registry.findings import Finding
from entrepot.registry.inspection import Inspection
from entrepot.registry.names import Names
from entrepot.storage.claim import make_temporary
from entrepot.storage.settings import FilesystemSettings

REDRAW_SECONDS = 0.1
"""Between two states of a progress bar."""

WIDTH = 36
"""Characters of a bar."""


class CannotCheck(click.ClickException):
    """The check did not come to its end; what it found until then is no answer."""

    exit_code = 2


@click.command("fsck")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--full", is_flag=True, help="Read the bytes of every blob.")
@click.option(
    "--sample",
    type=click.IntRange(0),
    help=f"Read so many blobs, chosen at random; default {SAMPLE}. Manifests are always all read.",
)
@click.option("--repair", is_flag=True, help="Mend what can be mended. Nothing is deleted that is not understood.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def fsck(*, config: Path | None, full: bool, sample: int | None, repair: bool, as_json: bool) -> None:
    """Check all that the registry of CONFIG stores: its files, index against storage, digests against bytes.

    It works beside a running server, and without one. Ends with 0 where nothing is wrong, 1 where something that is
    wrong remains, 2 where it could not check.
    """
    if full and sample is not None:
        raise click.UsageError("--full reads every blob; leave out --sample")
    how_many = None if full else SAMPLE if sample is None else sample
    output = OBJECTS if as_json else LINES
    try:
        settings = load(config, os.environ).settings
        findings = _repair(settings, how_many, output) if repair else _look(settings, how_many, output)
    except ConfigurationError as error:
        raise CannotCheck(f"the configuration cannot be used.\n{error}") from error
    except RegistryError as error:
        raise CannotCheck(str(error.detail)) from error
    except KeyboardInterrupt:
        raise CannotCheck("stopped before the end") from None
    sys.exit(1 if any(map(is_wrong, findings)) else 0)


@dataclass(frozen=True, slots=True)
class Output:
    """What is written of each finding as it is found, and of all at the end."""

    each: Callable[[Finding], None]
    end: Callable[[Sequence[Finding], Tally], None]


def _say_lines(findings: Sequence[Finding], tally: Tally) -> None:
    for line in write_lines(findings):
        click.echo(line)
    click.echo(summarize(findings, tally))


def _say_object(finding: Finding) -> None:
    click.echo(write_object(finding))


def _end_objects(findings: Sequence[Finding], tally: Tally) -> None:
    click.echo(summarize_object(findings, tally))


LINES = Output(lambda _: None, _say_lines)
OBJECTS = Output(_say_object, _end_objects)


class _Bars:
    """A progress bar on stderr for one thing after the other, only on a terminal."""

    def __init__(self) -> None:
        self._stage = ""
        self._drawn = 0.0

    def report(self, stage: str, done: int, total: int) -> None:
        """``done`` of ``total``; of 0, which nobody knows, only a count is shown."""
        if not sys.stderr.isatty() or (stage == self._stage and time.monotonic() - self._drawn < REDRAW_SECONDS):
            return
        if stage != self._stage:
            self.end()
            self._stage = stage
        self._drawn = time.monotonic()
        width = round(WIDTH * done / total) if total else 0
        bar = f"[{'#' * width}{'-' * (WIDTH - width)}] {100 * done // total:3d}%" if total else f"{done:,}"
        click.echo(f"\r{stage}  {bar}", err=True, nl=False)

    def end(self) -> None:
        """What is written next begins on a line of its own."""
        if self._stage:
            click.echo(err=True)
        self._stage = ""


def _look(settings: Settings, how_many: int | None, output: Output) -> list[Finding]:
    """Check and change nothing, not even make an index: where there is none that can be opened, an empty one serves."""

    async def look() -> list[Finding]:
        with open_parts(readable) as (storage, index):
            adoption = Adoption(storage, index, Names(storage, index))
            bars = _Bars()
            check = Check(storage, index, Inspection(storage, index, adoption), leave, bars.report)
            return await _run(check, how_many, output, bars)

    path = find_index(settings)
    with tempfile.TemporaryDirectory() as directory:
        readable = settings
        if isinstance(path, Path) and not os.access(path, os.R_OK | os.W_OK):
            readable = replace(settings, index=replace(settings.index, url=f"sqlite:///{directory}/index.sqlite3"))
        return asyncio.run(look())


def _repair(settings: Settings, how_many: int | None, output: Output) -> list[Finding]:
    """Check and mend. What the index does not know yet it learns first, so that it can be asked who needs what."""

    if settings.registry.readonly:
        raise Unavailable("the registry is read-only (storage.maintenance.readonly), and --repair would write")

    async def repair() -> list[Finding]:
        with open_parts(settings) as (storage, index):
            bars = _Bars()
            if isinstance(settings.storage.driver, FilesystemSettings):
                make_temporary(settings.storage.driver.rootdirectory)
            names = Names(storage, index)
            adoption = Adoption(storage, index, names)
            await names.settle_dead()
            try:
                await adopt(storage, index, adoption, take_turns, lambda count: bars.report("adopting", count, 0))
            except RegistryError as error:  # what cannot be read is found again, and told with its place
                click.echo(f"not everything could be adopted: {printable(str(error.detail))}", err=True)
            mender = Mender(storage, index, names, adoption)
            check = Check(storage, index, Inspection(storage, index, adoption), mender.mend, bars.report)
            return await _run(check, how_many, output, bars)

    return asyncio.run(repair())


async def _run(check: Check, how_many: int | None, output: Output, bars: _Bars) -> list[Finding]:
    findings = []
    async for finding in check.run(how_many):
        findings.append(finding)
        output.each(finding)
    bars.end()
    output.end(findings, check.tally)
    return findings
