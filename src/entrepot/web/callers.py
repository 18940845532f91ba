# SPDX-License-Identifier: Apache-2.0
"""Who asks: the facts of a request that history and events tell."""

from collections.abc import Mapping
from typing import cast

from starlette.types import Scope

from entrepot.oci.callers import Caller

LONGEST = 300
"""Characters kept of what a client says of itself."""

_TOLD = {
    b"host",
    b"user-agent",
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
    b"x-real-ip",
}


def describe_client(scope: Scope) -> str:
    """The address as people write it: on a socket for both families IPv4 arrives as ``::ffff:192.0.2.1``."""
    client = scope.get("client")
    return str(client[0]).removeprefix("::ffff:") if client and client[0] else "-"


def find_caller(scope: Scope, request_id: str, actor: str = "", rule: str = "") -> Caller:
    """From the connection and the headers; of a header that comes twice the first counts. ``actor`` was let in by
    ``rule``.
    """
    told = _read_told(scope)
    return Caller(
        actor=actor,
        rule=rule,
        request_id=request_id,
        address=describe_client(scope),
        host=told.get(b"host", ""),
        method=scope["method"],
        user_agent=told.get(b"user-agent", ""),
        remote=_first(told, b"x-forwarded-for") or told.get(b"x-real-ip", "") or _peer(scope),
        origin=_origin(told, str(scope.get("scheme", "http"))),
    )


def find_origin(scope: Scope) -> str:
    """Scheme and host under which the client sees the registry."""
    return _origin(_read_told(scope), str(scope.get("scheme", "http")))


def _read_told(scope: Scope) -> Mapping[bytes, str]:
    told: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _TOLD and name not in told:
            told[name] = cast(bytes, value).decode("latin-1")[:LONGEST].strip()
    return told


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    if not client or not client[0]:
        return ""
    address = describe_client(scope)
    return f"[{address}]:{client[1]}" if ":" in address else f"{address}:{client[1]}"


def _first(told: Mapping[bytes, str], name: bytes) -> str:
    return told.get(name, "").partition(",")[0].strip()


def _origin(told: Mapping[bytes, str], scheme: str) -> str:
    """As distribution finds it (compat.md 3.9): the mere presence of Forwarded switches the older headers off."""
    host = told.get(b"host", "")
    if b"forwarded" in told:
        pairs = (pair.partition("=") for pair in _first(told, b"forwarded").split(";"))
        said = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
        return f"{said.get('proto') or scheme}://{said.get('host') or host}"
    return f"{told.get(b'x-forwarded-proto') or scheme}://{_first(told, b'x-forwarded-host') or host}"
