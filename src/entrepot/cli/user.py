# SPDX-License-Identifier: Apache-2.0
"""``entrepot user``: people with a password."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from entrepot.auth.generated import make_password
from entrepot.auth.users import LONGEST
from entrepot.cli.accounts import COMMANDS
from entrepot.cli.loading import load_settings, run
from entrepot.cli.people import THE_COMMAND_LINE, open_administration, with_comment, with_config, with_roles

with_stdin = click.option("--password-stdin", "stdin", is_flag=True, help="Read the password from standard input.")
with_generate = click.option("--generate", is_flag=True, help="Make up a password, and show it once.")


@click.group("user")
@click.pass_context
def user_group(ctx: click.Context) -> None:
    """Make users, give them roles, lock them: entrepot user add NAME --role write-all."""
    ctx.obj = "user"


@user_group.command("add")
@click.argument("name")
@with_stdin
@with_generate
@click.option("--no-password", "nothing", is_flag=True, help="None: only a proxy signs them in (auth.proxyheader).")
@with_roles
@with_comment
@with_config
def add_user(
    name: str, roles: Sequence[str], comment: str, config: Path | None, *, stdin: bool, generate: bool, nothing: bool
) -> None:
    """Add a user. The password is asked for, where no option says where it comes from: 8 to 1024 bytes."""
    password = None if nothing else _find_password(stdin=stdin, generate=generate)
    run(_add(config, name, password, roles, comment))
    if generate:
        click.echo(password)


@user_group.command("password")
@click.argument("name")
@with_stdin
@with_generate
@with_config
def set_password(name: str, config: Path | None, *, stdin: bool, generate: bool) -> None:
    """Give a user another password; whoever is signed in with the old one is out."""
    password = _find_password(stdin=stdin, generate=generate)
    run(_set_password(config, name, password))
    if generate:
        click.echo(password)


for _command in COMMANDS:
    user_group.add_command(_command)


def _find_password(*, stdin: bool, generate: bool) -> str:
    """Raises what click shows."""
    if stdin and generate:
        raise click.UsageError("--password-stdin and --generate exclude each other")
    if generate:
        return make_password()
    if stdin:
        return _read_password()
    if not sys.stdin.isatty():
        raise click.UsageError(
            "there is no terminal to ask for a password: give --password-stdin, or --generate for one that is made up"
        )
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _read_password() -> str:
    """The first line; what ``echo`` or an editor puts behind it does not count."""
    line = sys.stdin.buffer.readline(LONGEST + 3)
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise click.ClickException("the password is not UTF-8") from None


async def _add(config: Path | None, name: str, password: str | None, roles: Sequence[str], comment: str) -> None:
    async with open_administration(load_settings(config)) as administration:
        user = await administration.users.add(name, password, roles, comment, THE_COMMAND_LINE)
    having = f" with {', '.join(user.roles)}" if user.roles else ""
    click.echo(f"added user {name}{having}", err=True)
    if not user.roles:
        click.echo(f"{name} may do what everyone may; more: entrepot user grant {name} ROLE", err=True)


async def _set_password(config: Path | None, name: str, password: str) -> None:
    async with open_administration(load_settings(config)) as administration:
        await administration.users.set_password(name, password, THE_COMMAND_LINE)
    click.echo(f"user {name} has a new password", err=True)
