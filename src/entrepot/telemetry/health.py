# SPDX-License-Identifier: Apache-2.0
"""The health of the server, shared by all its processes.

Checks run in one process; its findings lie in a page of memory that every process inherited. A worker looks at one byte
for each request. Two kinds of checks (design "Health"): a *configured* check (``health.file``, ``http``, ``tcp``) that
fails answers 503 everywhere, as distribution does; storage and index make ``/readyz`` 503, and requests fail only where
they need what failed.
"""

import json
import mmap
from collections.abc import Mapping
from dataclasses import dataclass

_SIZE = 65536

_SHORT = 1000
"""Characters of a finding, and of its name, where all in full do not fit on the board."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the checks that fail say, by their names. ``blocking``: those for which every request gets 503."""

    blocking: Mapping[str, str]
    degraded: Mapping[str, str]


class HealthBoard:
    """Made before the first fork; written by one process, read by all."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)

    @property
    def blocked(self) -> bool:
        """Whether every request is to be answered with 503."""
        return self._memory[0] == 1

    def post(self, findings: Findings) -> None:
        """Replace the findings."""
        text = _encode(findings)
        self._memory[4 : 4 + len(text)] = text
        self._memory[1:4] = len(text).to_bytes(3, "big")
        self._memory[0] = 1 if findings.blocking else 0

    def read(self) -> Findings:
        """The last findings; a board read while it is written looks as if nothing failed."""
        length = int.from_bytes(self._memory[1:4], "big")
        try:
            blocking, degraded = json.loads(self._memory[4 : 4 + length] or b"[{}, {}]")
        except ValueError:
            return Findings({}, {})
        return Findings(blocking, degraded)


def _encode(findings: Findings) -> bytes:
    """All findings; where they do not fit, shortened, and then how many there are: never as if there were none."""
    kinds = (findings.blocking, findings.degraded)
    shortened = [{name[:_SHORT]: text[:_SHORT] for name, text in kind.items()} for kind in kinds]
    counted = [{"checks": f"{len(kind)} fail"} if kind else {} for kind in kinds]
    for document in ([dict(kind) for kind in kinds], shortened, counted):
        text = json.dumps(document).encode()
        if len(text) <= _SIZE - 8:
            return text
    raise AssertionError("two numbers fit")
