# SPDX-License-Identifier: Apache-2.0
"""Which gate a configuration asks for."""

from entrepot.app.administrator import welcome_administrator
from entrepot.auth.audit import Audit, NoAudit
from entrepot.auth.gate import Gate, OpenGate
from entrepot.auth.settings import AccountsSettings, AuthSettings
from entrepot.index.index import Index
from entrepot.oci.errors import Unavailable
from entrepot.telemetry.logs import Logger


async def prepare_gate(settings: AuthSettings, index: Index, log: Logger) -> None:
    """Once before the first worker: what must be there, such as a first account. Raises ``Unavailable``."""
    if isinstance(settings, AccountsSettings):
        await welcome_administrator(index.directory)
    open_gate(settings, index, NoAudit(), log)


def open_gate(settings: AuthSettings, index: Index, audit: Audit, log: Logger) -> Gate:
    """The gate of one worker; ``audit`` is told who comes in and who does not. Raises ``Unavailable`` with what to do."""
    match settings:
        case None:
            return OpenGate()
        case _:
            raise Unavailable(f"{type(settings).__name__} has no gate yet")
