# SPDX-License-Identifier: Apache-2.0
"""Hints to the kernel, which may be missing."""

import os
from pathlib import Path

from entrepot.storage.hints import find_hint, sync_ahead


def test_a_library_without_the_call_gives_no_hint() -> None:
    """No such library, or one that has no such call (the loader), is no hint rather than an error; the C library has
    it.
    """
    loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
    loader = next(path for path in loaded if Path(path).name.startswith("ld-"))
    assert find_hint(loader) is None
    assert find_hint("of-another-world.so") is None
    assert find_hint(None) is not None


def test_a_hint_changes_nothing(tmp_path: Path) -> None:
    """Bytes are as they were; a descriptor for which the kernel knows no such thing is no error."""
    path = tmp_path / "data"
    path.write_bytes(b"bytes")
    descriptor = os.open(path, os.O_RDWR)
    sync_ahead(descriptor, 0, 5)
    os.close(descriptor)
    sync_ahead(descriptor, 0, 5)
    assert path.read_bytes() == b"bytes"
