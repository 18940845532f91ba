# SPDX-License-Identifier: Apache-2.0
"""``entrepot robot``: accounts of programs, with a token that is shown once."""

import re
from collections.abc import Sequence
from pathlib import Path

import click

from entrepot.auth.accounts import Account
from entrepot.auth.robots import DAYS
from entrepot.auth.rules import NewRule
from entrepot.certificates.examining import Unservable, read_chain, read_pem
from entrepot.certificates.names import list_names
from entrepot.cli.accounts import COMMANDS
from entrepot.cli.greeting import name_host
from entrepot.cli.loading import load_settings, run
from entrepot.cli.people import (
    THE_COMMAND_LINE,
    describe_moment,
    open_administration,
    with_comment,
    with_config,
    with_roles,
)
from entrepot.config.settings import Settings
from entrepot.web.settings import HttpSettings, TcpAddress

_UNITS = {"h": 1 / 24, "d": 1.0, "w": 7.0}
_NEVER = "never"

with_expires = click.option("--expires", default=f"{DAYS}d", show_default=True, help="90d, 12h, 4w; or never.")


@click.group("robot")
@click.pass_context
def robot_group(ctx: click.Context) -> None:
    """Make accounts for programs: entrepot robot add ci --rule 'team/**=pull,push' --expires 90d."""
    ctx.obj = "robot"


@robot_group.command("add")
@click.argument("name")
@with_expires
@click.option("--rule", "rules", multiple=True, metavar="PATTERN=ACTIONS", help="What it may do; can be repeated.")
@with_roles
@with_comment
@with_config
def add_robot(
    name: str, expires: str, rules: Sequence[str], roles: Sequence[str], comment: str, config: Path | None
) -> None:
    """Add a robot. Its token comes on standard output, and can never be shown again."""
    run(_add(config, name, _read_days(expires), rules, roles, comment))


@robot_group.command("renew")
@click.argument("name")
@with_expires
@with_config
def renew_robot(name: str, expires: str, config: Path | None) -> None:
    """Make another token, which holds from now; the old one holds no longer."""
    run(_renew(config, name, _read_days(expires)))


for _command in COMMANDS:
    robot_group.add_command(_command)


def _read_days(text: str) -> float | None:
    if text == _NEVER:
        return None
    match = re.fullmatch(r"(\d{1,5})([hdw])", text, re.ASCII)
    if match is None:
        raise click.BadParameter(f"{text!r} is none of 90d, 12h, 4w, never", param_hint="--expires")
    return int(match[1]) * _UNITS[match[2]]


async def _add(
    config: Path | None, name: str, days: float | None, rules: Sequence[str], roles: Sequence[str], comment: str
) -> None:
    settings = load_settings(config)
    grants = [_read_rule(rule) for rule in rules]
    async with open_administration(settings) as administration:
        robot, token = await administration.robots.add(name, days, grants, roles, comment, THE_COMMAND_LINE)
    click.echo(f"added robot {name}", err=True)
    _show_token(settings, robot, token)


async def _renew(config: Path | None, name: str, days: float | None) -> None:
    settings = load_settings(config)
    async with open_administration(settings) as administration:
        robot, token = await administration.robots.renew(name, days, THE_COMMAND_LINE)
    click.echo(f"robot {name} has a new token", err=True)
    _show_token(settings, robot, token)


def _show_token(settings: Settings, robot: Account, token: str) -> None:
    """The token alone on standard output, so that a script can keep it."""
    click.echo(f"Its token expires: {describe_moment(robot.expires_at, _NEVER)}. It is shown this once:", err=True)
    click.echo(token)
    http = settings.http
    port = http.address.port if isinstance(http.address, TcpAddress) else 0
    host = name_host(http, port, _read_names(http))
    click.echo(f"Log in with it:\n  docker login --username {robot.name} --password-stdin {host}", err=True)


def _read_names(http: HttpSettings) -> tuple[str, ...]:
    """Of the certificate that is served, as far as it can be read."""
    if http.tls is None:
        return ()
    try:
        return list_names(read_chain(read_pem(http.tls.certificate), http.tls.certificate)[0])
    except Unservable:
        return ()


def _read_rule(text: str) -> NewRule:
    pattern, found, actions = text.rpartition("=")
    if not found:
        raise click.BadParameter(f"{text!r} is not of the form PATTERN=ACTIONS", param_hint="--rule")
    return NewRule.parse(pattern, actions)
