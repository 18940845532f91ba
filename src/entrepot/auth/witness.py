# SPDX-License-Identifier: Apache-2.0
"""Who is told of logins and refusals."""

from typing import Protocol

from entrepot.telemetry.logs import Logger


class LoginWitness(Protocol):
    """Every call is cheap, none waits and none can fail. ``actor``: the account that was asked for, "" where none is
    known; ``address``: of the client as far as it is believed.
    """

    def login(self, actor: str, address: str, how: str) -> None:
        """Credentials were found to be good. ``how``: ``password``, ``robot``, ``refresh token``, ``proxy``."""
        ...

    def refused(self, actor: str, address: str, why: str, what: str) -> None:
        """Credentials that are wrong, or good ones that do not allow ``what`` was asked: scopes, "" for a login."""
        ...


class LogWitness:
    """Writes them into the log."""

    def __init__(self, log: Logger) -> None:
        self._log = log

    def login(self, actor: str, address: str, how: str) -> None:
        self._log.info("login", actor=actor, address=address, how=how)

    def refused(self, actor: str, address: str, why: str, what: str) -> None:
        self._log.info("refused", actor=actor, address=address, why=why, what=what)
