# SPDX-License-Identifier: Apache-2.0
"""What the commands on accounts and rules share. They work beside a running server, which heeds each change within a
second.
"""

import contextlib
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from entrepot.app.opening import open_parts
from entrepot.auth.administration import Administration, join_administration
from entrepot.auth.audit import AuditTrail
from entrepot.auth.first import prepare_untouched
from entrepot.auth.settings import AccountsSettings
from entrepot.config.settings import Settings
from entrepot.index.envelopes import Source
from entrepot.oci.callers import Caller
from entrepot.storage.claim import make_temporary
from entrepot.storage.settings import FilesystemSettings
from entrepot.telemetry.audit_log import AuditLog
from entrepot.telemetry.logs import configure_logs

THE_COMMAND_LINE = Caller(actor="command line")
"""Who changes something by a command: whoever may write the registry's data."""

with_config = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration file; else REGISTRY_CONFIGURATION_PATH, as for entrepot serve.",
)
"""An option, since names and patterns stand behind one another already."""

with_json = click.option("--json", "as_json", is_flag=True, help="JSON, in the form of the API.")

with_comment = click.option("--comment", default="", help="One line about what it is for.")

with_roles = click.option("--role", "roles", multiple=True, help="A role to have; can be repeated.")


@contextlib.asynccontextmanager
async def open_administration(settings: Settings) -> AsyncIterator[Administration]:
    """The accounts of a registry, for one command, also before its first start. Raises ``Unavailable``."""
    accounts, driver = settings.auth, settings.storage.driver
    if not isinstance(accounts, AccountsSettings):
        click.echo(
            "Warning: this configuration does not ask for accounts, so nothing of this holds; add to it:\n"
            "auth:\n  accounts: {}",
            err=True,
        )
        accounts = AccountsSettings()
    elif isinstance(driver, FilesystemSettings) and not driver.rootdirectory.exists():
        make_temporary(driver.rootdirectory)  # as a first start would: nobody has to wait for one
    with open_parts(settings) as (_, index):
        await prepare_untouched(index.directory)
        log = configure_logs(replace(settings.telemetry.log, level="warn"))
        trail = AuditTrail(index.outbox, Source(), AuditLog(log))
        try:
            yield join_administration(index.directory, accounts, trail.changed)
        finally:
            await trail.close()


def show_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as what stands in them."""
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    for row in (titles, *rows):
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def show_json(document: object) -> None:
    """For scripts."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def describe_moment(seconds: float | None, otherwise: str) -> str:
    """In UTC, to the second; ``otherwise`` for None."""
    return otherwise if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))
