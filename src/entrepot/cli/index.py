# SPDX-License-Identifier: Apache-2.0
"""``entrepot index``: what the index knows, and bringing it to storage by hand. Both work beside a running server."""

from pathlib import Path

import click

from entrepot.app.opening import find_index, open_parts
from entrepot.cli.comparing import bring_together
from entrepot.cli.loading import load_settings, run
from entrepot.config.settings import Settings


@click.group("index")
def index_group() -> None:
    """Look at the index, or build it again from storage."""


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


async def _show(settings: Settings) -> None:
    path = find_index(settings)
    if not path.exists():
        click.echo(f"there is no index at {path} yet; `entrepot serve` makes it")
        return
    with open_parts(settings) as (_, index):
        counts = await index.census.count()
        whole = await index.completeness.whole()
    click.echo(f"index         {path}")
    click.echo(f"state         {'complete' if whole else f'adopting: {counts.complete} repositories so far'}")
    for noun in ("repositories", "manifests", "tags", "blobs"):
        click.echo(f"{noun:<14}{getattr(counts, noun):,}")


async def _rebuild(settings: Settings) -> None:
    with open_parts(settings) as (storage, index):
        found = await bring_together(storage, index)
    click.echo(f"{found.repositories:,} repositories compared, {found.repaired:,} names mended")
