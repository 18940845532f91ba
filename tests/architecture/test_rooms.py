# SPDX-License-Identifier: Apache-2.0
"""The rooms of the house are a one-way list (docs/architecture.md)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_imports_go_down_the_list_only() -> None:
    """Every import contract of .importlinter holds: rooms import downwards, and one room owns each library."""
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
