# SPDX-License-Identifier: Apache-2.0
"""Asks the gate for each request: what comes in is read from the connection and its headers here."""

from collections.abc import Sequence
from typing import cast
from urllib.parse import urlsplit
from uuid import UUID

from starlette.types import Scope

from entrepot.auth.gate import Admission, Approach, Gate, OpenUpload
from entrepot.oci.access import Access
from entrepot.web.doctor import ProxyDoctor
from entrepot.web.exchange import Exchange
from entrepot.web.forwarded import Forwarding, Seen, read_said
from entrepot.web.settings import HttpSettings

STATE = "_state"
"""The parameter of an upload's address that says whose upload it is."""


class Doors:
    """The gate, as the pages use it. ``proxyheader``: see ``AccountsSettings``."""

    def __init__(
        self, gate: Gate, settings: HttpSettings, proxyheader: str = "", doctor: ProxyDoctor | None = None
    ) -> None:
        """``doctor``: looks at what proxies say, too."""
        self._gate = gate
        self._doctor = doctor
        self._forwarding = Forwarding(settings.trustedproxies)
        self._prefix = settings.prefix.rstrip("/")
        self._own = None if settings.base is None else _split(settings.base)
        self._proxyheader = proxyheader.lower().encode()

    def look(self, scope: Scope) -> Seen:
        """Who comes, and what is believed of what proxies say of it; once for each request."""
        said = read_said(scope)
        seen = self._forwarding.believe(said)
        if said.forwarded is not None and self._doctor is not None:
            self._doctor.examine(said, said.forwarded, self._forwarding.find_peer(said.peer), seen)
        return seen

    def recall(self, scope: Scope, seen: Seen, need: Access) -> Admission | None:
        """For the hot path: see ``Gate.recall``."""
        return self._gate.recall(self._approach(scope, seen), need)

    async def admit(
        self, exchange: Exchange, needs: Sequence[Access], *, upload: UUID | None = None, basic_only: bool = False
    ) -> None:
        """Let the request in, or raise; see ``Gate.admit``. ``upload``: the one that it goes on with."""
        going_on = None if upload is None else OpenUpload(upload, exchange.query.get(STATE, ""))
        approach = self._approach(exchange.scope, exchange.seen, going_on, basic_only=basic_only)
        exchange.admission = await self._gate.admit(approach, needs)

    def seal(self, upload: UUID, admission: Admission) -> str:
        """See ``Gate.seal``."""
        return self._gate.seal(upload, admission)

    def describe(self, exchange: Exchange) -> Approach:
        """How the request comes, for who lets it in without the gate: the token service."""
        return self._approach(exchange.scope, exchange.seen)

    def _approach(
        self, scope: Scope, seen: Seen, upload: OpenUpload | None = None, *, basic_only: bool = False
    ) -> Approach:
        origin, base = self._own or (seen.origin, seen.prefix + self._prefix)
        return Approach(
            authorization=_only(scope, b"authorization"),
            address=seen.address,
            likely=seen.likely,
            origin=origin,
            signed_in=self._find_signed_in(scope) if seen.trusted and self._proxyheader else "",
            base=base,
            basic_only=basic_only,
            upload=upload,
        )

    def _find_signed_in(self, scope: Scope) -> str:
        """Whom the proxy names. A header that comes twice names nobody: a client may have sent one of them."""
        try:
            name = (_only(scope, self._proxyheader) or "").encode("latin-1").decode()
        except UnicodeDecodeError:
            return ""
        return name.strip() if name.isprintable() else ""


def _split(base: str) -> tuple[str, str]:
    """Scheme and host, and the path behind them, of ``http.host``."""
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}", parts.path


def _only(scope: Scope, wanted: bytes) -> str | None:
    """A header that may come once; "" where it comes twice."""
    found: str | None = None
    for name, value in scope["headers"]:
        if name == wanted:
            if found is not None:
                return ""
            found = cast(bytes, value).decode("latin-1")
    return found
