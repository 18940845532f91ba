# SPDX-License-Identifier: Apache-2.0
"""What all processes of one server share."""

import socket
from dataclasses import dataclass
from pathlib import Path

from entrepot.app.opening import Place
from entrepot.config.settings import Settings
from entrepot.telemetry.health import HealthBoard
from entrepot.telemetry.logs import Logger


@dataclass(frozen=True, slots=True)
class Shared:
    """Made before the first fork."""

    place: Place
    listener: socket.socket
    debug: socket.socket | None
    board: HealthBoard
    run_directory: Path
    log: Logger

    @property
    def settings(self) -> Settings:
        """As the server started with, with what it found out about its directory."""
        return self.place.settings
