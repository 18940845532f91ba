# SPDX-License-Identifier: Apache-2.0
"""``entrepot index``: what the index knows, bringing it to storage by hand, and taking it to another database."""

from pathlib import Path

import click

from entrepot.app.moving import move_index
from entrepot.app.opening import find_index, open_parts
from entrepot.cli.comparing import bring_together
from entrepot.cli.loading import load_settings, run
from entrepot.config.settings import Settings
from entrepot.config.values import index_url


@click.group("index")
def index_group() -> None:
    """Look at the index, build it again from storage, or move it to another database."""


@index_group.command("status")
@click.argument("config", required=False, type=click.Path(path_type=Path))
def status(config: Path | None) -> None:
    """Say where the index of CONFIG lies, what it knows, and whether that is all that storage holds."""
    run(_show(load_settings(config)))


@index_group.command("rebuild")
@click.argument("config", required=False, type=click.Path(path_type=Path))
def rebuild(config: Path | None) -> None:
    """Compare the index of CONFIG with all that storage holds, and mend it. What only the index knows stays."""
    run(_rebuild(load_settings(config)))


@index_group.command("move")
@click.option("--to", "url", required=True, metavar="URL", help="postgresql://user@host/database or sqlite:////path")
@click.argument("config", required=False, type=click.Path(path_type=Path))
def move(url: str, config: Path | None) -> None:
    """Take what only the index of CONFIG knows to another database, while no server runs.

    That is what storage cannot tell: the history of tags, the trash. The old index stays as it is. Write the new URL
    into the configuration then; the next start reads the rest from storage while it serves. A password in the URL can
    be seen by others on this machine: PGPASSWORD and ~/.pgpass keep it from them.
    """
    try:
        checked = index_url(url)
    except ValueError as error:
        raise click.ClickException(f"--to: allowed: {error}") from error
    run(_move(load_settings(config), checked))


async def _move(settings: Settings, url: str) -> None:
    try:
        moved = move_index(settings, url)
    except OSError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"from          {moved.source}")
    click.echo(f"to            {moved.target}")
    for name, rows in moved.rows.items():
        click.echo(f"{name:<14}{rows:,}")
    click.echo("Set index.url to the new address, then start; the old index was not changed.")


async def _show(settings: Settings) -> None:
    place = find_index(settings)
    if isinstance(place, Path) and not place.exists():
        click.echo(f"there is no index at {place} yet; `entrepot serve` makes it")
        return
    with open_parts(settings) as (_, index):
        counts = await index.census.count()
        whole = await index.completeness.whole()
    click.echo(f"index         {place}")
    click.echo(f"state         {'complete' if whole else f'adopting: {counts.complete} repositories so far'}")
    for noun in ("repositories", "manifests", "tags", "blobs"):
        click.echo(f"{noun:<14}{getattr(counts, noun):,}")


async def _rebuild(settings: Settings) -> None:
    with open_parts(settings) as (storage, index):
        found = await bring_together(storage, index)
    click.echo(f"{found.repositories:,} repositories compared, {found.repaired:,} names mended")
