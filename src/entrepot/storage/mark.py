# SPDX-License-Identifier: Apache-2.0
"""A mark in a data directory, by which an index that lies elsewhere knows it again, wherever it is mounted."""

import contextlib
import os
from pathlib import Path
from uuid import uuid4

from entrepot.oci.errors import Unavailable
from entrepot.storage import layout
from entrepot.storage.steps import sync_directory


def mark_directory(root: Path) -> str:
    """The mark of ``root``, made where it has none; durable. Raises ``Unavailable`` where that cannot be done."""
    path = root / layout.MARK
    try:
        path.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError), path.open("x", encoding="ascii") as file:
            file.write(uuid4().hex)
            file.flush()
            os.fsync(file.fileno())
            sync_directory(str(path.parent))
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"the mark of the data directory, {path}, cannot be read or made: {error}") from error
