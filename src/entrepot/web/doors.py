# SPDX-License-Identifier: Apache-2.0
"""Asks the gate for each request: what comes in is read from the connection and its headers here."""

from collections.abc import Sequence
from typing import cast
from uuid import UUID

from starlette.types import Scope

from entrepot.auth.gate import Admission, Approach, Gate, OpenUpload
from entrepot.oci.access import Access
from entrepot.web.callers import describe_client, find_origin
from entrepot.web.exchange import Exchange
from entrepot.web.settings import HttpSettings

STATE = "_state"
"""The parameter of an upload's address that says whose upload it is."""


class Doors:
    """The gate, as the pages use it. ``proxyheader``: see ``AccountsSettings``."""

    def __init__(self, gate: Gate, settings: HttpSettings, proxyheader: str = "") -> None:
        self._gate = gate
        self._base = settings.prefix.rstrip("/")
        self._proxyheader = proxyheader.lower().encode()

    def recall(self, scope: Scope, need: Access) -> Admission | None:
        """For the hot path: see ``Gate.recall``."""
        return self._gate.recall(self._approach(scope), need)

    async def admit(
        self, exchange: Exchange, needs: Sequence[Access], *, upload: UUID | None = None, basic_only: bool = False
    ) -> None:
        """Let the request in, or raise; see ``Gate.admit``. ``upload``: the one that it goes on with."""
        going_on = None if upload is None else OpenUpload(upload, exchange.query.get(STATE, ""))
        approach = self._approach(exchange.scope, going_on, basic_only=basic_only)
        exchange.admission = await self._gate.admit(approach, needs)

    def seal(self, upload: UUID, admission: Admission) -> str:
        """See ``Gate.seal``."""
        return self._gate.seal(upload, admission)

    def describe(self, exchange: Exchange) -> Approach:
        """How the request comes, for who lets it in without the gate: the token service."""
        return self._approach(exchange.scope)

    def _approach(self, scope: Scope, upload: OpenUpload | None = None, *, basic_only: bool = False) -> Approach:
        return Approach(
            authorization=_only(scope, b"authorization"),
            address=describe_client(scope),
            origin=find_origin(scope),
            signed_in="",
            base=self._base,
            basic_only=basic_only,
            upload=upload,
        )


def _only(scope: Scope, wanted: bytes) -> str | None:
    """A header that may come once; "" where it comes twice."""
    found: str | None = None
    for name, value in scope["headers"]:
        if name == wanted:
            if found is not None:
                return ""
            found = cast(bytes, value).decode("latin-1")
    return found
