# SPDX-License-Identifier: Apache-2.0
"""Who asks: the facts of a request that history and events tell."""

from typing import cast

from starlette.types import Scope

from entrepot.oci.callers import Caller
from entrepot.web.forwarded import Seen

LONGEST = 300
"""Characters kept of what a client says of itself."""


def find_caller(scope: Scope, seen: Seen, request_id: str, actor: str = "", rule: str = "") -> Caller:
    """From what is believed of the request. ``actor`` was let in by ``rule``."""
    return Caller(
        actor=actor,
        rule=rule,
        request_id=request_id,
        address=seen.source,
        host=_read(scope, b"host"),
        method=scope["method"],
        user_agent=_read(scope, b"user-agent"),
        remote=seen.remote,
        origin=f"{seen.origin}{seen.prefix}",
    )


def _read(scope: Scope, wanted: bytes) -> str:
    """Of a header that comes twice the first counts."""
    for name, value in scope["headers"]:
        if name == wanted:
            return cast(bytes, value).decode("latin-1")[:LONGEST].strip()
    return ""
