# SPDX-License-Identifier: Apache-2.0
"""``http.trustedproxies``, and what a start warns of that stands before a proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from config.conftest import Start  # type: ignore[import-not-found]
