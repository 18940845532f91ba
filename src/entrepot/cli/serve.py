# SPDX-License-Identifier: Apache-2.0
"""``entrepot serve``: checks the configuration, says where it listens, and runs until it is stopped."""

import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import click

from entrepot.app.certificates import CertificateRefused
from entrepot.app.server import bind, prepare_server, prepare_workers, settle_index, supervise
from entrepot.cli.greeting import greet
from entrepot.config.load import load
from entrepot.config.mistakes import ConfigurationError
from entrepot.config.settings import Settings
from entrepot.oci.errors import RegistryError
from entrepot.processes.address import AddressError
from entrepot.storage.claim import filesystem_kind
from entrepot.storage.settings import FilesystemSettings

MAX_DEFAULT_WORKERS = 4


@click.command()
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer; default one per core, at most 4.")
def serve(config: Path | None, workers: int | None) -> None:
    """Run the registry. CONFIG is a docker/distribution configuration file (version 0.1).

    Without CONFIG: the file of REGISTRY_CONFIGURATION_PATH, else ./entrepot.yml (see entrepot init), else the built-in
    one: 127.0.0.1:5000, data in ./entrepot-data, deleting allowed.
    """
    try:
        loaded = load(config, os.environ)
        listener = bind(loaded.settings.http.address)
        with prepare_server(loaded.settings, listener) as server:
            for warning in [*loaded.warnings, *_warn_of_layer(loaded.settings)]:
                server.log.warning(warning)
            settle_index(server)
            count = _count_workers(loaded.settings, workers)
            workforce = prepare_workers(server, count, loaded.config_path)
            begun = replace(loaded, settings=server.settings)
            click.echo(greet(begun, _port(listener), count, workforce.names), err=True)
            status = supervise(server, workforce)
    except ConfigurationError as error:
        raise click.ClickException(f"the configuration cannot be used.\n{error}") from error
    except (AddressError, CertificateRefused, OSError) as error:
        raise click.ClickException(str(error)) from error
    except RegistryError as error:
        raise click.ClickException(str(error.detail)) from error
    sys.exit(status)


def _port(listener: socket.socket) -> int:
    name = listener.getsockname()
    return int(name[1]) if isinstance(name, tuple) else 0


def _count_workers(settings: Settings, asked: int | None) -> int:
    if isinstance(settings.storage.driver, FilesystemSettings):
        return asked or min(MAX_DEFAULT_WORKERS, len(os.sched_getaffinity(0)))
    if asked not in {None, 1}:
        click.echo("storage: inmemory lives in one process; serving with one worker", err=True)
    return 1


def _warn_of_layer(settings: Settings) -> list[str]:
    driver = settings.storage.driver
    if isinstance(driver, FilesystemSettings) and filesystem_kind(driver.rootdirectory) == "overlay":
        warning = (
            f"the data directory {driver.rootdirectory} lies on the container's own layer and is lost with the "
            f"container; mount a volume there: docker run -v registry-data:{driver.rootdirectory} ..."
        )
        return [warning]
    return []
