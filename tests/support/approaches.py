# SPDX-License-Identifier: Apache-2.0
"""Requests as gates see them, and an audit that remembers."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from entrepot.auth.gate import Approach
from entrepot.oci.access import DELETE, PULL, PUSH, to_repository
from entrepot.oci.names import RepositoryName

APP = RepositoryName("team/app")
TO_PULL, TO_PUSH, TO_DELETE = (to_repository(APP, actions) for actions in (PULL, PUSH, DELETE))
HERE = "192.0.2.1"


def approach(authorization: str | None = None, **changes: Any) -> Approach:
    """A request with this header."""
    return Approach(**{"authorization": authorization, "address": HERE, "origin": "https://registry.test", **changes})


def basic(user: str, password: str) -> str:
    """The header of a user and password."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


class Told:
    """An audit that keeps what it is told."""

    def __init__(self) -> None:
        self.logins: list[tuple[str, str, str]] = []
        self.refusals: list[tuple[str, str, str, str]] = []

    def login(self, actor: str, address: str, how: str) -> None:
        """See ``Audit``."""
        self.logins.append((actor, address, how))

    def refused(self, actor: str, address: str, why: str, what: str) -> None:
        """See ``Audit``."""
        self.refusals.append((actor, address, why, what))

    def changed(self, actor: str, address: str, what: str) -> None:
        """Gates change nothing."""
        raise AssertionError(actor, address, what)


class NoAudit:
    """Tells nobody."""

    def login(self, actor: str, address: str, how: str) -> None:
        pass

    def refused(self, actor: str, address: str, why: str, what: str) -> None:
        pass

    def changed(self, actor: str, address: str, what: str) -> None:
        pass
