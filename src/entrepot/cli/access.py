# SPDX-License-Identifier: Apache-2.0
"""``entrepot access``: why somebody may do something, or may not."""

from pathlib import Path

import click

from entrepot.auth.networks import read_address
from entrepot.cli.loading import load_settings, run
from entrepot.cli.people import open_administration, with_config
from entrepot.oci.access import to_repository
from entrepot.oci.names import RepositoryName
from entrepot.web.api.access import NEEDS


@click.group("access")
def access_group() -> None:
    """Ask about access: entrepot access explain USER REPOSITORY pull."""


@access_group.command("explain")
@click.argument("user")
@click.argument("repository")
@click.argument("action", type=click.Choice([*NEEDS]))
@click.option("--ip", "address", default="", help="Where they come from; else only rules for all addresses count.")
@with_config
def explain(user: str, repository: str, action: str, address: str, config: Path | None) -> None:
    """Say whether USER may do ACTION in REPOSITORY, and which rule allows it or nearly does.

    USER: a user, a robot, or anonymous for who has not signed in. The status is 0 where it is allowed, 1 where not.
    """
    if address and read_address(address) is None:
        raise click.BadParameter(f"{address!r} is no address; one is 192.0.2.7 or 2001:db8::1", param_hint="--ip")
    run(_explain(config, user, repository, action, address))


async def _explain(config: Path | None, user: str, repository: str, action: str, address: str) -> None:
    async with open_administration(load_settings(config)) as administration:
        access = to_repository(RepositoryName.parse(repository), NEEDS[action])
        found = await administration.explainer.explain(user, access, address)
    where = f" from {address}" if address else ""
    answer = "yes: {} may" if found.allowed else "no: {} may not"
    click.echo(f"{answer.format(user)} {action} {repository}{where}")
    for line in [found.rule] if found.allowed else found.reasons:
        click.echo(f"  {line}")
    if not found.allowed:
        raise click.exceptions.Exit(1)
