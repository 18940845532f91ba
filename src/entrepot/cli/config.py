# SPDX-License-Identifier: Apache-2.0
"""``entrepot config``: what a configuration means, without starting on it."""

import os
import sys
from pathlib import Path

import click

from entrepot.config.check import Entry
from entrepot.config.load import Loaded, load
from entrepot.config.mistakes import ConfigurationError, Mistake


@click.group("config")
def config_group() -> None:
    """Look at a configuration without starting on it."""


@config_group.command("check")
@click.argument("config", required=False, type=click.Path(path_type=Path))
def check(config: Path | None) -> None:
    """Print every mistake in CONFIG and in the REGISTRY_* variables, or else what counts and who said it.

    Keys and variables that nobody knows are mistakes here; `entrepot serve` only warns of them. Without CONFIG the file
    of REGISTRY_CONFIGURATION_PATH is read, without that ./entrepot.yml, without that the embedded default.
    """
    try:
        loaded = load(config, os.environ)
    except ConfigurationError as error:
        _complain((*error.mistakes, *error.unknown))
    else:
        if loaded.unknown:
            _complain(loaded.unknown)
        _print(loaded)


def _complain(mistakes: tuple[Mistake, ...]) -> None:
    for mistake in mistakes:
        click.echo(f"error: {mistake}", err=True)
    sys.exit(1)


def _print(loaded: Loaded) -> None:
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    width = max(len(_said(entry)) for entry in loaded.effective)
    for entry in loaded.effective:
        click.echo(f"{_said(entry):<{min(width, 60)}}  # {entry.source}")


def _said(entry: Entry) -> str:
    return f"{entry.key}: {entry.value}"
