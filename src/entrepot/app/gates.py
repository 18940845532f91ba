# SPDX-License-Identifier: Apache-2.0
"""Which gate a configuration asks for."""

from entrepot.app.accounts import open_accounts, prepare_accounts
from entrepot.auth.account_gate import AccountGate
from entrepot.auth.audit import Audit, NoAudit
from entrepot.auth.gate import Gate, OpenGate
from entrepot.auth.settings import AccountsSettings, AuthSettings
from entrepot.auth.token_service import TokenService
from entrepot.index.index import Index
from entrepot.oci.errors import Unavailable
from entrepot.telemetry.logs import Logger


async def prepare_gate(settings: AuthSettings, index: Index, log: Logger) -> None:
    """Once before the first worker: what must be there, such as a first account. Raises ``Unavailable``."""
    if isinstance(settings, AccountsSettings):
        await prepare_accounts(settings, index, log)
    open_gate(settings, index, NoAudit(), log)


def open_gate(settings: AuthSettings, index: Index, audit: Audit, log: Logger) -> Gate:
    """The gate of one worker; ``audit`` is told who comes in and who does not. Raises ``Unavailable`` with what to do."""
    match settings:
        case None:
            return OpenGate()
        case AccountsSettings():
            return open_accounts(settings, index, audit, log)
        case _:
            raise Unavailable(f"{type(settings).__name__} has no gate yet")


def find_token_service(gate: Gate) -> TokenService | None:
    """The token service beside a gate, where it has one of our own."""
    return gate.tokens if isinstance(gate, AccountGate) else None


def find_proxyheader(settings: AuthSettings) -> str:
    """The header in which a trusted proxy says who was signed in; "" for none."""
    return settings.proxyheader if isinstance(settings, AccountsSettings) else ""
