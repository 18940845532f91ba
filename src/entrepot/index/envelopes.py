# SPDX-License-Identifier: Apache-2.0
"""The form of an event, docker/distribution's (compat.md 5.2): what stands around the thing that happened."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args
from uuid import uuid4

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""Made once: this runs in the one thread that writes to the index."""


Audited = Literal["login", "refuse", "account"]
"""Actions that distribution does not know: the audit's."""

AUDITED = frozenset(get_args(Audited))


@dataclass(frozen=True, slots=True)
class Source:
    """The server that tells: HOST:PORT, and an id of this start."""

    addr: str = ""
    instance: str = ""


@dataclass(frozen=True, slots=True)
class Happening:
    """What is told. ``action``: one word; ``more``: fields of our own, none of which distribution knows."""

    action: str
    target: Mapping[str, object]
    request: Mapping[str, str]
    actor: str
    more: Mapping[str, object]


def write_event(happening: Happening, source: Source, when: int) -> str:
    """The JSON of one event; ``when`` in nanoseconds since 1970. Its id stays the same however often it is told."""
    told_by = {"addr": source.addr, "instanceID": source.instance}
    document = {
        "id": str(uuid4()),
        "timestamp": _timestamp(when),
        "action": happening.action,
        "target": happening.target,
        "request": happening.request,
        "actor": {"name": happening.actor} if happening.actor else {},
        "source": {name: value for name, value in told_by.items() if value},
        **happening.more,
    }
    return _ENCODER.encode(document)


def _timestamp(when: int) -> str:
    seconds, nanoseconds = divmod(when, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{nanoseconds:09}Z"
