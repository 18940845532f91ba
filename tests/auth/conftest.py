# SPDX-License-Identifier: Apache-2.0
"""Keys and certificates for all tests of tokens; examples of hypothesis may take their time."""

from __future__ import annotations

import pytest
from hypothesis import settings

from support.signers import Authority

settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A root certificate with its key."""
    return Authority("root")
