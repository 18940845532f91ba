# SPDX-License-Identifier: Apache-2.0
"""Brings index and storage together, with progress bars."""

import sys

import click

from entrepot.index.index import Index
from entrepot.jobs.adopting import COMPARED, Comparison, adopt, compare
from entrepot.registry.adoption import Adoption, take_turns
from entrepot.registry.names import Names
from entrepot.storage.ports import Storage


async def bring_together(storage: Storage, index: Index) -> Comparison:
    """Adopt what the index does not know, then compare all of it."""
    adoption = Adoption(storage, index, Names(storage, index))
    click.echo("looking for repositories ...", err=True)
    total = len([name async for name in storage.links.repositories()])
    with click.progressbar(length=total, label="adopting", file=sys.stderr) as bar:
        await adopt(storage, index, adoption, take_turns, lambda count: bar.update(count - bar.pos))
    with click.progressbar(length=total, label="comparing", file=sys.stderr) as bar:
        return await compare(storage, index, adoption, take_turns, lambda count: bar.update(count - bar.pos))


async def bring_together_unless_compared(storage: Storage, index: Index) -> None:
    """The same, unless a server runs that did it after its start."""
    holder = await index.kept.get(COMPARED)
    if holder is None or not await index.completeness.whole() or not index.holder.lives(holder):
        await bring_together(storage, index)
