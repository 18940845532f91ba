# SPDX-License-Identifier: Apache-2.0
"""The commands that ``entrepot user`` and ``entrepot robot`` share; the group says of which kind they speak."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from entrepot.auth.accounts import Account, Accounts
from entrepot.auth.administration import Administration
from entrepot.cli.loading import load_settings, run
from entrepot.cli.people import (
    THE_COMMAND_LINE,
    describe_moment,
    open_administration,
    show_json,
    show_table,
    with_config,
    with_json,
)
from entrepot.cli.rule import show_rules
from entrepot.index.directory import AccountKind
from entrepot.web.api.accounts import write_account
from entrepot.web.api.rules import write_rule

Deed = Callable[[Accounts], Awaitable[Account]]


@click.command("list")
@with_json
@with_config
@click.pass_obj
def list_accounts(kind: AccountKind, config: Path | None, *, as_json: bool) -> None:
    """List all with their roles."""
    run(_list(kind, config, as_json=as_json))


@click.command("show")
@click.argument("name")
@with_json
@with_config
@click.pass_obj
def show_account(kind: AccountKind, name: str, config: Path | None, *, as_json: bool) -> None:
    """Show NAME, and the rules that hold."""
    run(_show(kind, name, config, as_json=as_json))


@click.command("lock")
@click.argument("name")
@with_config
@click.pass_obj
def lock_account(kind: AccountKind, name: str, config: Path | None) -> None:
    """Let NAME in no longer, and none of its tokens, until it is unlocked."""
    done = f"{kind} {name} is locked"
    run(_do(kind, config, lambda of: of.set_locked(name, locked=True, caller=THE_COMMAND_LINE), done))


@click.command("unlock")
@click.argument("name")
@with_config
@click.pass_obj
def unlock_account(kind: AccountKind, name: str, config: Path | None) -> None:
    """Let NAME in again."""
    done = f"{kind} {name} is not locked"
    run(_do(kind, config, lambda of: of.set_locked(name, locked=False, caller=THE_COMMAND_LINE), done))


@click.command("comment")
@click.argument("name")
@click.argument("text")
@with_config
@click.pass_obj
def comment_account(kind: AccountKind, name: str, text: str, config: Path | None) -> None:
    """Say in one line what NAME is for."""
    done = f"{kind} {name}: {text}"
    run(_do(kind, config, lambda of: of.set_comment(name, text, THE_COMMAND_LINE), done))


@click.command("grant")
@click.argument("name")
@click.argument("role")
@with_config
@click.pass_obj
def grant_role(kind: AccountKind, name: str, role: str, config: Path | None) -> None:
    """Give NAME a ROLE."""
    done = f"{kind} {name} has the role {role}"
    run(_do(kind, config, lambda of: of.give_role(name, role, THE_COMMAND_LINE), done))


@click.command("revoke")
@click.argument("name")
@click.argument("role")
@with_config
@click.pass_obj
def revoke_role(kind: AccountKind, name: str, role: str, config: Path | None) -> None:
    """Take a ROLE from NAME."""
    done = f"{kind} {name} has not the role {role} any more"
    run(_do(kind, config, lambda of: of.take_role(name, role, THE_COMMAND_LINE), done))


@click.command("remove")
@click.argument("name")
@with_config
@click.pass_obj
def remove_account(kind: AccountKind, name: str, config: Path | None) -> None:
    """Remove NAME with its own rules."""
    done = f"{kind} {name} is removed"
    run(_do(kind, config, lambda of: of.remove(name, THE_COMMAND_LINE), done))


COMMANDS = (
    *(list_accounts, show_account, lock_account, unlock_account),
    *(comment_account, grant_role, revoke_role, remove_account),
)


def _of_kind(administration: Administration, kind: AccountKind) -> Accounts:
    return administration.users.accounts if kind == "user" else administration.robots.accounts


async def _do(kind: AccountKind, config: Path | None, deed: Deed, done: str) -> None:
    async with open_administration(load_settings(config)) as administration:
        await deed(_of_kind(administration, kind))
    click.echo(done)


async def _list(kind: AccountKind, config: Path | None, *, as_json: bool) -> None:
    async with open_administration(load_settings(config)) as administration:
        accounts = await _of_kind(administration, kind).all()
    if as_json:
        return show_json([write_account(account) for account in accounts])
    titles = ["NAME", "STATE", "ROLES", "LAST USED", "EXPIRES", "COMMENT"]
    rows = [
        [
            account.name,
            _describe_state(account),
            ",".join(account.roles),
            describe_moment(account.used_at, "never"),
            describe_moment(account.expires_at, "never"),
            account.comment,
        ]
        for account in accounts
    ]
    if kind == "user":
        rows, titles = [[*row[:4], row[5]] for row in rows], [*titles[:4], titles[5]]
    return show_table(titles, rows)


async def _show(kind: AccountKind, name: str, config: Path | None, *, as_json: bool) -> None:
    async with open_administration(load_settings(config)) as administration:
        account = await _of_kind(administration, kind).find(name)
        standing = await administration.explainer.find_standing(name)
    if as_json:
        rules = [write_rule(rule) for rule in standing.rules]
        return show_json({**write_account(account), "rules": rules})
    click.echo(f"{kind} {name}: {_describe_state(account)}" + (f", {account.comment}" if account.comment else ""))
    click.echo(f"  roles      {', '.join(account.roles) or 'none'}")
    click.echo(f"  made       {describe_moment(account.created_at, '')}")
    click.echo(f"  last used  {describe_moment(account.used_at, 'never')}")
    if kind == "robot":
        click.echo(f"  expires    {describe_moment(account.expires_at, 'never')}")
    click.echo("Rules that hold:")
    return show_rules(standing.rules)


def _describe_state(account: Account) -> str:
    if account.locked:
        return "locked"
    if account.expires_at is not None and account.expires_at <= time.time():
        return "expired"
    return "open" if account.secret else "no password"
