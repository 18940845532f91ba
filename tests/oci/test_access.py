# SPDX-License-Identifier: Apache-2.0
"""Scopes as clients write them."""

from __future__ import annotations

import pytest

from entrepot.oci.access import MOST_ACTIONS, Access
from entrepot.oci.errors import RequestInvalid


def test_the_number_of_actions_is_bounded() -> None:
    """A scope names some actions, not hundreds; the error says which there are."""
    words = [f"a{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(MOST_ACTIONS + 1)]
    assert Access.parse(f"repository:a:{','.join(words[:-1])}").actions == frozenset(words[:-1])
    with pytest.raises(RequestInvalid, match=r"over 32 actions; they are pull, push, delete and \*"):
        Access.parse(f"repository:a:{','.join(words)}")
