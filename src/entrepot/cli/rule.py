# SPDX-License-Identifier: Apache-2.0
"""``entrepot rule``: who may do what, where, from which addresses."""

from collections.abc import Sequence
from pathlib import Path

import click

from entrepot.auth.policy import describe_rule
from entrepot.auth.rules import NewRule, Rule
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
from entrepot.oci.access import write_actions
from entrepot.web.api.rules import write_rule


@click.group("rule")
def rule_group() -> None:
    """Say who may do what: entrepot rule add role:builders 'team/**' pull,push.

    Nothing is allowed that no rule allows, but to administrators; no rule takes anything away.
    """


@rule_group.command("add")
@click.argument("subject")
@click.argument("pattern")
@click.argument("actions")
@click.option("--from", "network", default="*", help="Only from 10.0.0.0/8, 192.168.* or 2001:db8::1.")
@with_comment
@with_config
def add_rule(subject: str, pattern: str, actions: str, network: str, comment: str, config: Path | None) -> None:
    """Let SUBJECT do ACTIONS in repositories that match PATTERN.

    SUBJECT: role:NAME, user:NAME, robot:NAME; everyone (who is signed in), anonymous (everybody). PATTERN: * within a
    part of a name, ** across parts. ACTIONS: pull; pull,push; pull,push,delete.
    """
    run(_add(config, subject, pattern, actions, network, comment))


@rule_group.command("list")
@click.option("--of", "subject", help="Only those of this subject.")
@with_json
@with_config
def list_rules(subject: str | None, config: Path | None, *, as_json: bool) -> None:
    """List rules by subject."""
    run(_list(config, subject, as_json=as_json))


@rule_group.command("remove")
@click.argument("rule", type=click.IntRange(1))
@with_config
def remove_rule(rule: int, config: Path | None) -> None:
    """Remove the rule with this number, which `entrepot rule list` shows."""
    run(_remove(config, rule))


def show_rules(rules: Sequence[Rule]) -> None:
    """A table."""
    rows = [
        [str(rule.id), rule.subject, rule.pattern, write_actions(rule.actions), rule.network, rule.comment]
        for rule in rules
    ]
    show_table(["ID", "WHO", "REPOSITORIES", "MAY", "FROM", "COMMENT"], rows)


async def _add(config: Path | None, subject: str, pattern: str, actions: str, network: str, comment: str) -> None:
    new = NewRule.parse(pattern, actions, network, comment)
    async with open_administration(load_settings(config)) as administration:
        rule = await administration.rules.add(subject, new, THE_COMMAND_LINE)
    click.echo(f"rule {rule.id}: {describe_rule(rule)}")
    if "push" in rule.actions and "pull" not in rule.actions:
        click.echo("docker and others ask to pull where they push: give pull,push, here or by another rule", err=True)


async def _list(config: Path | None, subject: str | None, *, as_json: bool) -> None:
    async with open_administration(load_settings(config)) as administration:
        rules = await (administration.rules.all() if subject is None else administration.rules.of(subject))
    if as_json:
        return show_json([write_rule(rule) for rule in rules])
    return show_rules(rules)


async def _remove(config: Path | None, number: int) -> None:
    async with open_administration(load_settings(config)) as administration:
        rule = await administration.rules.remove(number, THE_COMMAND_LINE)
    click.echo(f"removed rule {rule.id}: {describe_rule(rule)}")
