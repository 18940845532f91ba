# SPDX-License-Identifier: Apache-2.0
"""The pair that tokens are signed with is one for all, whoever makes it first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from entrepot.index.index import Index, open_index
from entrepot.index.moving import move_kept
from entrepot.index.signing import KeptPair

if TYPE_CHECKING:
    from pathlib import Path

FIRST, SECOND = KeptPair("key one", "certificate one"), KeptPair("key two", "certificate two")


async def test_the_first_pair_stays(index: Index, other: Index) -> None:
    """Before, there is none; what is offered later changes nothing, and all read the same."""
    assert await index.signing.pair() is None
    assert index.signing.pair_blocking() is None
    assert await index.signing.agree(FIRST) == FIRST
    assert await other.signing.agree(SECOND) == FIRST
    assert await other.signing.pair() == FIRST
    assert other.signing.pair_blocking() == FIRST


async def test_two_at_once_agree(index: Index, other: Index) -> None:
    """Two processes that offer their own at the same time go on with the same."""
    found = await asyncio.gather(index.signing.agree(FIRST), other.signing.agree(SECOND))
    assert found[0] == found[1]
    assert await index.signing.pair() == found[0]


async def test_it_moves_with_the_index(tmp_path: Path) -> None:
    """``entrepot index move`` takes it along: other registries have a copy of the certificate."""
    old, new = tmp_path / "old.sqlite3", tmp_path / "new.sqlite3"
    with open_index(old) as index:
        await index.signing.agree(FIRST)
    assert move_kept(old, new)["signing_keys"] == 1
    with open_index(new) as index:
        assert await index.signing.pair() == FIRST


def test_the_key_is_not_told() -> None:
    """Not by what is printed of it."""
    assert "key one" not in repr(FIRST)
    assert "certificate one" in repr(FIRST)
