# SPDX-License-Identifier: Apache-2.0
"""``entrepot token``: what other registries need to trust our tokens."""

from pathlib import Path

import click

from entrepot.app.accounts import ensure_pair
from entrepot.app.opening import open_parts
from entrepot.auth.keys import load_pair
from entrepot.auth.settings import AccountsSettings
from entrepot.cli.loading import load_settings, run
from entrepot.config.settings import Settings


@click.group("token")
def token_group() -> None:
    """The token service of auth.accounts, seen from other registries."""


@token_group.command("certificate")
@click.argument("config", required=False, type=click.Path(path_type=Path))
def certificate(config: Path | None) -> None:
    """Print the certificate that tokens are signed with.

    Another registry trusts our tokens with this as its auth.token.rootcertbundle, and with realm (this server's
    address with /auth/token), service and issuer as they are called here.
    """
    run(_show(load_settings(config)))


async def _show(settings: Settings) -> None:
    auth = settings.auth
    if not isinstance(auth, AccountsSettings):
        raise click.ClickException("this configuration has no token service; auth.accounts brings one")
    if auth.key is not None and auth.cert is not None:
        pair = load_pair(auth.key, auth.cert)
    else:
        with open_parts(settings) as (_, index):
            pair = await ensure_pair(auth, index)
    click.echo(pair.certificate, nl=False)
