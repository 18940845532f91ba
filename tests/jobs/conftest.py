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


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A process over a directory, the index beside it."""
    path = tmp_path / "index" / "index.sqlite3"
    with open_directory(tmp_path / "data", fsync=False) as storage, open_house(storage, path) as opened:
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
