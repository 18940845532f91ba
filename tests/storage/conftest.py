# SPDX-License-Identifier: Apache-2.0
"""Storages in a directory of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.rooms import open_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.storage.ports import Storage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The data directory."""
    return tmp_path / "data"


@pytest.fixture
def disk(root: Path) -> Iterator[Storage]:
    """The filesystem storage in ``root``, as one worker has it open."""
    with open_directory(root) as storage:
        yield storage


@pytest.fixture
def second(root: Path, disk: Storage) -> Iterator[Storage]:  # noqa: ARG001 - opened behind it
    """The same directory, as another worker has it open."""
    with open_directory(root) as storage:
        yield storage
