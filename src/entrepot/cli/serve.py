# SPDX-License-Identifier: Apache-2.0
"""``entrepot serve``: checks the configuration, says where it listens, and runs until it is stopped."""

import ipaddress
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from entrepot import __version__
from entrepot.app import bind, complete_index, prepare_server, supervise
from entrepot.config.load import Loaded, load
from entrepot.config.mistakes import ConfigurationError
from entrepot.config.settings import Settings
from entrepot.jobs.building import Progress
from entrepot.oci.errors import RegistryError
from entrepot.processes.address import AddressError
from entrepot.storage.claim import filesystem_kind
from entrepot.storage.settings import FilesystemSettings
from entrepot.web.settings import TcpAddress, UnixAddress

MAX_DEFAULT_WORKERS = 4
REPORT_SECONDS = 2.0


@click.command()
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer; default one per core, at most 4.")
def serve(config: Path | None, workers: int | None) -> None:
    """Run the registry. CONFIG is a docker/distribution configuration file (version 0.1).

    Without CONFIG and REGISTRY_CONFIGURATION_PATH: 127.0.0.1:5000, data in ./entrepot-data, deleting allowed.
    """
    try:
        loaded = load(config, os.environ)
        listener = bind(loaded.settings.http.address)
        with prepare_server(loaded.settings, listener) as server:
            for warning in [*loaded.warnings, *_warn_of_layer(loaded.settings)]:
                server.log.warning(warning)
            complete_index(server, _reporter())
            count = _count_workers(loaded.settings, workers)
            click.echo(_greeting(loaded, listener.getsockname(), count), err=True)
            status = supervise(server, count)
    except ConfigurationError as error:
        raise click.ClickException(f"the configuration cannot be used.\n{error}") from error
    except (AddressError, OSError) as error:
        raise click.ClickException(str(error)) from error
    except RegistryError as error:
        raise click.ClickException(str(error.detail)) from error
    sys.exit(status)


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


def _greeting(loaded: Loaded, name: tuple[str, int], workers: int) -> str:
    settings = loaded.settings
    address = settings.http.address
    lines = [f"entrepot {__version__}"]
    host = "localhost:5000"
    if isinstance(address, UnixAddress):
        lines.append(f"  listens on  {address.path}")
    else:
        host = f"{address.host if address.host not in {'', '0.0.0.0', '::'} else 'localhost'}:{name[1]}"  # noqa: S104
        everywhere = "" if address.host else " (all addresses)"
        lines.append(f"  listens on  http://{host}{settings.http.prefix}{everywhere}, {_plural(workers, 'worker')}")
    driver = settings.storage.driver
    data = str(driver.rootdirectory) if isinstance(driver, FilesystemSettings) else "memory: lost on exit"
    lines.append(f"  data        {data}")
    lines.append(f"  config      {loaded.config_path or 'built in'}")
    if loaded.ignored_config is not None:
        lines.append(
            f"  {loaded.ignored_config} is there but not used. To use it: entrepot serve {loaded.ignored_config}"
        )
    if isinstance(address, TcpAddress) and not _is_loopback(address.host):
        lines += [
            '  plain HTTP: clients on other machines ask for TLS first and then refuse ("server gave HTTP response to',
            '  HTTPS client"). Put a proxy that ends TLS in front, or name this registry on each client: docker reads',
            f'  {{"insecure-registries": ["NAME:{name[1]}"]}} from /etc/docker/daemon.json',
        ]
    lines += [
        "Push a first image:",
        "  docker pull alpine",
        f"  docker tag alpine {host}/alpine",
        f"  docker push {host}/alpine",
    ]
    return "\n".join(lines)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _reporter() -> Callable[[Progress], None]:
    last = time.monotonic()

    def report(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_SECONDS:
            last = time.monotonic()
            click.echo(
                f"building the index: {progress.repositories} repositories, {progress.manifests} manifests, "
                f"{progress.tags} tags, {progress.blobs} blobs so far",
                err=True,
            )

    return report
