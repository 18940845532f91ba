# SPDX-License-Identifier: Apache-2.0
"""``entrepot gc``: a round of the collector now, and why something is kept. Works beside a running server."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import click

from entrepot.app.opening import open_parts
from entrepot.cli.amounts import describe_size
from entrepot.cli.comparing import bring_together_unless_compared
from entrepot.cli.loading import load_settings, require_writable, run
from entrepot.config.settings import Settings
from entrepot.index.deeds import Deed
from entrepot.index.explanation import Explanation
from entrepot.index.index import Index
from entrepot.jobs.adopting import SERVED
from entrepot.jobs.collecting import collect
from entrepot.jobs.tenure import Busy
from entrepot.oci.callers import THE_REGISTRY
from entrepot.oci.digests import Digest
from entrepot.oci.errors import DigestInvalid
from entrepot.oci.names import RepositoryName
from entrepot.registry.adoption import take_turns
from entrepot.registry.agreement import Disagreement
from entrepot.registry.collection import Tally
from entrepot.storage.claim import is_served
from entrepot.storage.ports import Storage
from entrepot.storage.settings import FilesystemSettings

STARTING = 10.0
"""Seconds for a server that just starts, or starts its jobs anew, to say which index it has."""


class RunUnlessNamed(click.Group):
    """A group whose first command is meant where none is named: ``entrepot gc --dry-run config.yml``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``run`` before what names no command."""
        words = [word for word in args if not word.startswith("-")]
        if not {"-h", "--help"} & set(args) and not (words and words[0] in self.commands):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("gc", cls=RunUnlessNamed)
def gc_group() -> None:
    """Give the space back of what nothing needs: entrepot gc [--dry-run] [CONFIG].

    `entrepot serve` does this by itself (collector.interval); nobody has to stop pushing for it.
    """


@gc_group.command("run")
@click.option("-d", "--dry-run", is_flag=True, help="Only say what would go.")
@click.option("-m", "--delete-untagged", is_flag=True, help="First move manifests that no tag, index or subject needs.")
@click.argument("config", required=False, type=click.Path(path_type=Path))
def run_now(config: Path | None, *, dry_run: bool, delete_untagged: bool) -> None:
    """Collect now what has no reference and was not touched for collector.grace. The default command.

    With --delete-untagged, manifests that nothing needs go to the trash, from which they can be restored for trash.age.
    """
    settings = load_settings(config)
    require_writable(settings)
    run(_collect(settings, dry=dry_run, untagged=delete_untagged))


@gc_group.command("explain")
@click.argument("digest")
@click.argument("config", required=False, type=click.Path(path_type=Path))
def explain(digest: str, config: Path | None) -> None:
    """Say why DIGEST is kept, when it can go, or when it went."""
    try:
        wanted = Digest.parse(digest)
    except DigestInvalid as error:
        raise click.ClickException(str(error.detail)) from error
    run(_explain(load_settings(config), wanted))


async def _collect(settings: Settings, *, dry: bool, untagged: bool) -> None:
    with open_parts(settings) as (storage, index):
        await _require_the_servers(settings, index)
        await bring_together_unless_compared(storage, index)
        if untagged:
            await _trash_untagged(settings, index, dry=dry)
        tally, counted = await _wait_and_collect(storage, index, settings, dry=dry)
    if sys.stderr.isatty():
        click.echo("", err=True)
    _tell(tally, counted=counted)
    if counted and not dry:
        click.echo("the first round after adopting only reports; run it again to collect this")


async def _wait_and_collect(storage: Storage, index: Index, settings: Settings, *, dry: bool) -> tuple[Tally, bool]:
    waiting = False
    while True:
        try:
            return await collect(storage, index, settings.jobs.collector, take_turns, _show, dry=dry)
        except Busy as busy:
            if not waiting:
                click.echo(f"{busy}; waiting for it ...", err=True)
            waiting = True
            await asyncio.sleep(0.5)
        except Disagreement as error:
            raise click.ClickException(str(error)) from error


async def _require_the_servers(settings: Settings, index: Index) -> None:
    """A server that has its index elsewhere does not tell this one what it needs. Raises what click shows."""
    driver = settings.storage.driver
    deadline = time.monotonic() + STARTING
    while isinstance(driver, FilesystemSettings) and is_served(driver.rootdirectory):
        server = await index.kept.get(SERVED)
        if server is not None and index.holder.lives(server):
            return
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"a server serves {driver.rootdirectory}, and its index is another one, so nothing was collected; "
                "give its configuration (index.url), or stop it"
            )
        await asyncio.sleep(0.1)


async def _trash_untagged(settings: Settings, index: Index, *, dry: bool) -> None:
    count = 0
    last = ""
    deed = Deed("delete", THE_REGISTRY, settings.registry.trash_age)
    while names := await index.lists.known_repositories(last, 500):
        for name in names:
            async for page in _untagged(index, name, deed.at):
                dying = await index.forecasts.dying(name, (), page)
                count += len(dying.untagged if dry else await index.untagged.throw(name, page, deed.at, deed))
        last = names[-1]
    click.echo(f"{count:,} untagged manifests {'would go' if dry else 'went'} to the trash")


async def _untagged(index: Index, name: RepositoryName, before: float) -> AsyncIterator[list[Digest]]:
    last = ""
    while page := await index.untagged.page(name, before, last, 100):
        yield page
        last = page[-1]


def _show(tally: Tally) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{tally.links:,} links, {tally.blobs:,} blobs, {describe_size(tally.size)}", nl=False, err=True)


def _tell(tally: Tally, *, counted: bool) -> None:
    verb = "would be" if counted else "were"
    click.echo(f"{tally.expired:,} manifests {verb} removed from the trash")
    click.echo(f"{tally.links:,} links to blobs that no manifest names {verb} removed")
    click.echo(f"{tally.blobs:,} blobs with {describe_size(tally.size)} {verb} removed")
    if tally.busy:
        click.echo(f"{tally.busy:,} are needed by pushes just now; the next round looks at them again")


async def _explain(settings: Settings, digest: Digest) -> None:
    with open_parts(settings) as (storage, index):
        found = await index.explanations.explain(digest)
        size = await storage.blobs.stat(digest)
    lines = _reasons(found, settings.jobs.collector.grace)
    click.echo(f"{digest}: {'no bytes in storage' if size is None else describe_size(size)}")
    for line in lines:
        click.echo(f"  {line}")


def _reasons(found: Explanation, grace: float) -> list[str]:
    lines = [f"kept: the tag {tag} points to it" for tag in found.tags]
    lines += [f"kept: {name} holds it as a manifest" for name in found.manifest_in]
    lines += [f"kept: the manifest {by} in {name} names it" for name, by in found.named_by]
    lines += [f"kept: in the trash of {name} until {_moment(until)}" for name, until in found.trashed_in]
    lines += [
        f"linked in {name}, touched {_moment(at)}; where nothing names it, it may go after {_moment(at + grace)}"
        for name, at in found.linked_in
    ]
    if not lines and found.touched_at is not None:
        lines.append(f"nothing needs it; the next round after {_moment(found.touched_at + grace)} removes it")
    if found.condemned:
        lines.append("condemned: it is just being removed, unless it is pushed again")
    if found.collected_at is not None:
        lines.append(f"removed by the collector {_moment(found.collected_at)}, since nothing needed it")
    return lines or ["the index knows nothing of it"]


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
