# SPDX-License-Identifier: Apache-2.0
"""What commands on an existing registry share: its configuration, and errors as sentences."""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from entrepot.config.environment import CONFIGURATION_PATH
from entrepot.config.load import OWN_PATH, load
from entrepot.config.mistakes import ConfigurationError
from entrepot.config.settings import Settings
from entrepot.oci.errors import RegistryError
from entrepot.storage.settings import FilesystemSettings


def load_settings(config: Path | None) -> Settings:
    """The settings of CONFIG, or of what ``entrepot serve`` would use. Raises what click shows."""
    try:
        loaded = load(config, os.environ)
    except ConfigurationError as error:
        raise click.ClickException(f"the configuration cannot be used.\n{error}") from error
    if loaded.config_path is None:
        _require_data(loaded.settings)
    return loaded.settings


def _require_data(settings: Settings) -> None:
    """What is built in means nothing here where nobody ever served it: whoever asks stands in another directory than
    the registry, and named no file.
    """
    driver = settings.storage.driver
    if settings.auth is not None or not isinstance(driver, FilesystemSettings) or driver.rootdirectory.exists():
        return
    raise click.ClickException(
        f"no configuration was found: {CONFIGURATION_PATH} is not set, and {OWN_PATH.absolute()} is not there (nor is "
        f"{driver.rootdirectory}, the data of a registry without one). Name the file that the registry is served with: "
        f"{CONFIGURATION_PATH}=FILE, or as --help says"
    )


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
