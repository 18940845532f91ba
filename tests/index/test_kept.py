# SPDX-License-Identifier: Apache-2.0
"""Small values that an index keeps."""

import asyncio

from entrepot.index.index import open_index
from entrepot.index.places import IndexPlace


async def test_several_agree_on_one_value(place: IndexPlace) -> None:
    """Whoever keeps a value at the same moment in another process gets the same one back; nobody replaces it."""
    with open_index(place) as one, open_index(place) as other:
        assert await one.kept.get("secret") is None
        agreed = await asyncio.gather(
            *(index.kept.agree("secret", f"v{n}") for n, index in enumerate([one, other] * 5))
        )
        assert len(set(agreed)) == 1
        assert await other.kept.agree("secret", "late") == agreed[0]
        assert await one.kept.get("secret") == agreed[0]
