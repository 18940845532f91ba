# SPDX-License-Identifier: Apache-2.0
"""The registry over each storage, with a real index."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from entrepot.storage.memory import open_memory
from support.houses import House, open_house
from support.rooms import open_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.registry.registry import Registry
    from entrepot.storage.ports import Storage


@pytest.fixture(params=["filesystem", "inmemory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """Each storage."""
    with ExitStack() as stack:
        on_disk = request.param == "filesystem"
        yield stack.enter_context(open_directory(tmp_path / "data", fsync=False)) if on_disk else open_memory()


@pytest.fixture
def house(storage: Storage, tmp_path: Path) -> Iterator[House]:
    """A process over each storage."""
    with open_house(storage, tmp_path / "index" / "index.sqlite3") as opened:
        yield opened


@pytest.fixture
def registry(house: House) -> Registry:
    """The registry of that process."""
    return house.registry
