# SPDX-License-Identifier: Apache-2.0
"""The benchmark is no part of the installed package: its tests find it at the root of the repository."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
