# SPDX-License-Identifier: Apache-2.0
"""Which gate a configuration asks for."""

import asyncio
import secrets

from entrepot.app.accounts import open_accounts, prepare_accounts
from entrepot.app.administrator import welcome_administrator
from entrepot.auth.account_gate import AccountGate
from entrepot.auth.audit import Audit
from entrepot.auth.gate import Gate, OpenGate
from entrepot.auth.htpasswd_gate import HtpasswdGate, prepare_htpasswd
from entrepot.auth.seals import Seals
from entrepot.auth.settings import AccountsSettings, AuthSettings, HtpasswdSettings, SillySettings, TokenSettings
from entrepot.auth.silly import SillyGate
from entrepot.auth.token_gate import TokenGate, prepare_token
from entrepot.auth.token_service import TokenService
from entrepot.index.index import Index
from entrepot.oci.errors import Unavailable
from entrepot.telemetry.logs import Logger

SECRET = "upload secret"  # noqa: S105 - the key of ``kept`` under which it stands
"""Seals the addresses of uploads."""


def find_proxyheader(settings: AuthSettings) -> str:
    """The header in which a trusted proxy says who was signed in; "" for none."""
    return settings.proxyheader if isinstance(settings, AccountsSettings) else ""


async def prepare_gate(settings: AuthSettings, index: Index, log: Logger) -> None:
    """Once before the first worker: what must be there, such as a first account. Raises ``Unavailable``."""
    match settings:
        case HtpasswdSettings():
            await asyncio.to_thread(prepare_htpasswd, settings, log)
        case TokenSettings():
            await asyncio.to_thread(prepare_token, settings)
            await _prepare_seals(index)
        case AccountsSettings():
            await prepare_accounts(settings, index, log)
            await welcome_administrator(index.directory, log)
        case SillySettings() | None:
            pass


def open_gate(settings: AuthSettings, index: Index, audit: Audit, log: Logger) -> Gate:
    """The gate of one worker; ``audit`` is told who comes in and who does not.

    Raises ``Unavailable`` with what to do.
    """
    match settings:
        case None:
            return OpenGate()
        case SillySettings():
            return SillyGate(settings)
        case HtpasswdSettings():
            return HtpasswdGate(settings, audit, log)
        case TokenSettings():
            return TokenGate(settings, _open_seals(index), audit, log)
        case AccountsSettings():
            return open_accounts(settings, index, audit, log)


def find_token_service(gate: Gate) -> TokenService | None:
    """The token service beside a gate, where it has one of our own."""
    return gate.tokens if isinstance(gate, AccountGate) else None


async def _prepare_seals(index: Index) -> None:
    await index.kept.agree(SECRET, secrets.token_hex(32))


def _open_seals(index: Index) -> Seals:
    secret = index.kept.get_blocking(SECRET)
    if secret is None:
        raise Unavailable("the registry's index has lost its contents; restart the registry, which builds it anew")
    return Seals(bytes.fromhex(secret))
