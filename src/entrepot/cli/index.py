# SPDX-License-Identifier: Apache-2.0
"""``entrepot index``: what the index knows, and bringing it to storage by hand. Both work beside a running server."""

import asyncio
import os
from pathlib import Path

import click

from entrepot.app.opening import find_index, open_parts
from entrepot.config.load import load
from entrepot.config.mistakes import ConfigurationError
from entrepot.config.settings import Settings
from entrepot.index.places import IndexPlace
from entrepot.jobs.adopting import adopt, compare
from entrepot.oci.errors import RegistryError
from entrepot.registry.adoption import Adoption, take_turns
from entrepot.registry.names import Names


@click.group("index")
def index_group() -> None:
    """Look at the index, or build it again from storage."""


@index_group.command("status")
@click.argument("config", required=False, type=click.Path(path_type=Path))
def status(config: Path | None) -> None:
    """Say where the index of CONFIG lies, what it knows, and whether that is all that storage holds."""
    settings = _load(config)
    try:
        place = find_index(settings)
        if isinstance(place, Path) and not place.exists():
            click.echo(f"there is no index at {place} yet; `entrepot serve` makes it")
        else:
            asyncio.run(_show(settings, place))
    except RegistryError as error:
        raise click.ClickException(str(error.detail)) from error


@index_group.command("rebuild")
@click.argument("config", required=False, type=click.Path(path_type=Path))
def rebuild(config: Path | None) -> None:
    """Compare the index of CONFIG with all that storage holds, and mend it. What only the index knows stays."""
    settings = _load(config)
    try:
        asyncio.run(_rebuild(settings))
    except RegistryError as error:
        raise click.ClickException(str(error.detail)) from error


def _load(config: Path | None) -> Settings:
    try:
        return load(config, os.environ).settings
    except ConfigurationError as error:
        raise click.ClickException(f"the configuration cannot be used.\n{error}") from error


async def _show(settings: Settings, place: IndexPlace) -> None:
    with open_parts(settings) as (_, index):
        counts = await index.census.count()
        whole = await index.completeness.whole()
    click.echo(f"index         {place}")
    click.echo(f"state         {'complete' if whole else f'adopting: {counts.complete} repositories so far'}")
    for noun in ("repositories", "manifests", "tags", "blobs"):
        click.echo(f"{noun:<14}{getattr(counts, noun):,}")


async def _rebuild(settings: Settings) -> None:
    with open_parts(settings) as (storage, index):
        adoption = Adoption(storage, index, Names(storage, index))
        click.echo("looking for repositories ...", err=True)
        total = len([name async for name in storage.links.repositories()])
        with click.progressbar(length=total, label="adopting") as bar:
            await adopt(storage, index, adoption, take_turns, lambda count: bar.update(count - bar.pos))
        with click.progressbar(length=total, label="comparing") as bar:
            found = await compare(storage, index, adoption, take_turns, lambda count: bar.update(count - bar.pos))
    click.echo(f"{found.repositories:,} repositories compared, {found.repaired:,} names mended")
