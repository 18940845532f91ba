# SPDX-License-Identifier: Apache-2.0
"""Every storage, so that each test of the contract runs on each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from entrepot.storage.memory import open_memory
from support.rooms import Workers, open_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.storage.ports import Storage


@pytest.fixture(params=["filesystem", "inmemory"])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workers]:
    """Each storage; when the test is over nothing lies on its way to a name."""
    if request.param == "inmemory":
        memory = open_memory()
        yield Workers(memory, memory)
        return
    root = tmp_path / "data"
    with open_directory(root) as first, open_directory(root) as second:
        yield Workers(first, second)
    left = [path.name for path in (root / "entrepot/tmp").iterdir()]
    assert left == []
    assert {path.name for path in root.iterdir()} == {"docker", "entrepot"}
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.fixture
def storage(workers: Workers) -> Storage:
    """Each storage, as one worker has it open."""
    return workers.first
