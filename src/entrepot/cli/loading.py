# SPDX-License-Identifier: Apache-2.0
"""What commands on an existing registry share: its configuration, and errors as sentences."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from entrepot.config.load import load
from entrepot.config.mistakes import ConfigurationError
from entrepot.config.settings import Settings
from entrepot.oci.errors import RegistryError


def load_settings(config: Path | None) -> Settings:
    """The settings of CONFIG, or of what ``entrepot serve`` would use. Raises what click shows."""
    try:
        return load(config, os.environ).settings
    except ConfigurationError as error:
        raise click.ClickException(f"the configuration cannot be used.\n{error}") from error


def require_writable(settings: Settings) -> None:
    """Raises what click shows where the configuration says that nothing may change."""
    if settings.registry.readonly:
        raise click.ClickException("this registry is read-only (storage.maintenance.readonly); nothing was changed")


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's work; what goes wrong is said in a sentence, with exit status 1."""
    try:
        asyncio.run(work)
    except RegistryError as error:
        raise click.ClickException(str(error.detail)) from error
