# SPDX-License-Identifier: Apache-2.0
"""The reserve file: made where there is room, given up once."""

import os
from pathlib import Path

import pytest

from entrepot.storage.reserve import SIZE, fill_reserve, give_up_reserve


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data directory with our own in it."""
    (tmp_path / "entrepot").mkdir()
    return tmp_path


def test_the_reserve_is_given_up_once(root: Path) -> None:
    """The file takes its space, is given up once, and made anew when it is asked for again."""
    fill_reserve(root, keep_free=0)
    assert os.stat(root / "entrepot" / "reserve").st_blocks * 512 >= SIZE
    assert give_up_reserve(root)
    assert not (root / "entrepot" / "reserve").exists()
    assert not give_up_reserve(root)
    fill_reserve(root, keep_free=0)
    assert (root / "entrepot" / "reserve").exists()


def test_no_reserve_where_there_is_no_room(root: Path) -> None:
    """Where the disk has less room than is to be kept free, no file is made."""
    fill_reserve(root, keep_free=1 << 60)
    assert not (root / "entrepot" / "reserve").exists()
