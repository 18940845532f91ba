# SPDX-License-Identifier: Apache-2.0
"""Brings index and storage together, with progress bars."""

import click

from entrepot.index.index import Index
from entrepot.jobs.adopting import Comparison, adopt, compare
from entrepot.registry.adoption import Adoption, take_turns
from entrepot.registry.names import Names
from entrepot.storage.ports import Storage


async def bring_together(storage: Storage, index: Index) -> Comparison:
    """Adopt what the index does not know, then compare all of it."""
    adoption = Adoption(storage, index, Names(storage, index))
    click.echo("looking for repositories ...", err=True)
    total = len([name async for name in storage.links.repositories()])
    with click.progressbar(length=total, label="adopting") as bar:
        await adopt(storage, index, adoption, take_turns, lambda count: bar.update(count - bar.pos))
    with click.progressbar(length=total, label="comparing") as bar:
        return await compare(storage, index, adoption, take_turns, lambda count: bar.update(count - bar.pos))
