# SPDX-License-Identifier: Apache-2.0
"""``entrepot role``: names for rules that several have."""

from pathlib import Path

import click

from entrepot.cli.loading import load_settings, run
from entrepot.cli.people import (
    THE_COMMAND_LINE,
    open_administration,
    show_json,
    show_table,
    with_comment,
    with_config,
    with_json,
)
from entrepot.cli.rule import show_rules
from entrepot.web.api.rules import write_rule


@click.group("role")
def role_group() -> None:
    """Make roles, and give them to users and robots: entrepot user grant NAME ROLE.

    There are always administrators (may do everything), everyone (who is signed in) and anonymous (everybody).
    """


@role_group.command("add")
@click.argument("name")
@with_comment
@with_config
def add_role(name: str, comment: str, config: Path | None) -> None:
    """Make a role that may do nothing yet; entrepot rule add role:NAME ... says what it may."""
    run(_add(config, name, comment))


@role_group.command("list")
@with_json
@with_config
def list_roles(config: Path | None, *, as_json: bool) -> None:
    """List roles, and who has them."""
    run(_list(config, as_json=as_json))


@role_group.command("show")
@click.argument("name")
@with_json
@with_config
def show_role(name: str, config: Path | None, *, as_json: bool) -> None:
    """Show the rules of a role, and who has it."""
    run(_show(config, name, as_json=as_json))


@role_group.command("remove")
@click.argument("name")
@with_config
def remove_role(name: str, config: Path | None) -> None:
    """Remove a role with its rules, and take it from all who have it."""
    run(_remove(config, name))


async def _add(config: Path | None, name: str, comment: str) -> None:
    async with open_administration(load_settings(config)) as administration:
        await administration.roles.add(name, comment, THE_COMMAND_LINE)
    click.echo(f"role {name} is made; say what it may do: entrepot rule add role:{name} PATTERN ACTIONS")


async def _list(config: Path | None, *, as_json: bool) -> None:
    async with open_administration(load_settings(config)) as administration:
        roles = await administration.roles.all()
        holders = await administration.find_holders()
    if as_json:
        return show_json(
            [{"name": role.name, "comment": role.comment, "accounts": holders.get(role.name, [])} for role in roles]
        )
    rows = [[role.name, ",".join(holders.get(role.name, [])), role.comment] for role in roles]
    return show_table(["NAME", "ACCOUNTS", "COMMENT"], rows)


async def _show(config: Path | None, name: str, *, as_json: bool) -> None:
    async with open_administration(load_settings(config)) as administration:
        role = await administration.roles.find(name)
        rules = await administration.rules.of(f"role:{name}")
        accounts = (await administration.find_holders()).get(name, [])
    if as_json:
        described = [write_rule(rule) for rule in rules]
        return show_json({"name": name, "comment": role.comment, "accounts": accounts, "rules": described})
    click.echo(f"role {name}" + (f": {role.comment}" if role.comment else ""))
    click.echo(f"  accounts  {', '.join(accounts) or 'none'}")
    click.echo("Rules:")
    return show_rules(rules)


async def _remove(config: Path | None, name: str) -> None:
    async with open_administration(load_settings(config)) as administration:
        await administration.roles.remove(name, THE_COMMAND_LINE)
    click.echo(f"role {name} is removed")
