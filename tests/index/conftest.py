# SPDX-License-Identifier: Apache-2.0
"""An index as one process has it open, and as another has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.index.index import Index, open_index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.index.places import IndexPlace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an index of SQLite lies."""
    return tmp_path / "index.sqlite3"


@pytest.fixture
def index(place: IndexPlace) -> Iterator[Index]:
    """The index as one process has it open."""
    with open_index(place) as opened:
        yield opened


@pytest.fixture
def other(place: IndexPlace, index: Index) -> Iterator[Index]:  # noqa: ARG001 - opened behind it
    """The same index as another process has it open, with a holder of its own."""
    with open_index(place) as opened:
        yield opened
