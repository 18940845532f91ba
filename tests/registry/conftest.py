# SPDX-License-Identifier: Apache-2.0
"""The registry over each storage and each database."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from entrepot.index.places import Database
from entrepot.storage.memory import open_memory
from support.houses import House, open_house
from support.rooms import open_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.index.places import IndexPlace
    from entrepot.registry.registry import Registry
    from entrepot.storage.ports import Storage


@pytest.fixture(params=["filesystem", "inmemory", "filesystem-postgresql"])
def kinds(request: pytest.FixtureRequest) -> str:
    """Which storage, and which database if not SQLite."""
    return str(request.param)


@pytest.fixture
def storage(kinds: str, tmp_path: Path) -> Iterator[Storage]:
    """Each storage."""
    with ExitStack() as stack:
        on_disk = kinds.startswith("filesystem")
        yield stack.enter_context(open_directory(tmp_path / "data", fsync=False)) if on_disk else open_memory()


@pytest.fixture
def place(kinds: str, request: pytest.FixtureRequest, tmp_path: Path) -> IndexPlace:
    """Where the index lies."""
    if kinds.endswith("postgresql"):
        return Database(request.getfixturevalue("database"), tmp_path / "holders")
    return tmp_path / "index" / "index.sqlite3"


@pytest.fixture
def house(storage: Storage, place: IndexPlace) -> Iterator[House]:
    """A process over each of them."""
    with open_house(storage, place) as opened:
        yield opened


@pytest.fixture
def registry(house: House) -> Registry:
    """The registry of that process."""
    return house.registry
