# SPDX-License-Identifier: Apache-2.0
"""What processes notice while they serve that an operator should set right: told once, and kept to be asked for."""

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from entrepot.telemetry.logs import Logger

_SUFFIX = ".notices"


class Notices:
    """Of one process, in a file in the directory that all processes of a server share."""

    def __init__(self, directory: Path, log: Logger) -> None:
        self._directory = directory
        self._log = log
        self._told: dict[str, str] = {}

    def tell(self, name: str, text: str) -> None:
        """``text`` says what is wrong and what to set; only the first of a ``name`` is told."""
        if name in self._told:
            return
        self._told[name] = text
        self._log.warning("the proxy in front and the configuration do not fit", finding=name, detail=text)
        with contextlib.suppress(OSError):
            self._write()

    def _write(self) -> None:
        temporary = self._directory / f".{os.getpid()}{_SUFFIX}"
        temporary.write_text(json.dumps(self._told))
        temporary.rename(self._directory / f"{os.getpid()}{_SUFFIX}")


def read_notices(directory: Path) -> Mapping[str, str]:
    """Of all processes, those that ended too; one of each name."""
    found: dict[str, str] = {}
    for path in sorted(directory.glob(f"[!.]*{_SUFFIX}")):
        found |= json.loads(path.read_text())
    return dict(sorted(found.items()))
