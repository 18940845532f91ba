# SPDX-License-Identifier: Apache-2.0
"""A process over a directory, and a log that is listened to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import structlog
from structlog.testing import LogCapture

from entrepot.telemetry.logs import Logger, configure_logs
from entrepot.telemetry.settings import LogSettings
from support.houses import House, open_house
from support.rooms import open_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.index.places import IndexPlace


@pytest.fixture
def house(place: IndexPlace, tmp_path: Path) -> Iterator[House]:
    """A process over a directory."""
    with open_directory(tmp_path / "data", fsync=False) as storage, open_house(storage, place) as opened:
        yield opened


@pytest.fixture
def lines() -> LogCapture:
    """What was logged."""
    return LogCapture()


@pytest.fixture
def log(lines: LogCapture) -> Iterator[Logger]:
    """A log whose lines are kept."""
    logger = configure_logs(LogSettings())
    structlog.configure(processors=[lines])
    yield logger
    structlog.reset_defaults()
