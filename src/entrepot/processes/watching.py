# SPDX-License-Identifier: Apache-2.0
"""Whether files have changed: by what the system says of them, never by their content.

Links are followed, so that a directory link that is moved, as Kubernetes and certbot do, is seen.
"""

import os
from collections.abc import Sequence
from pathlib import Path

Signature = tuple[object, ...]


class FileWatch:
    """Looks at ``paths``; what they are now is known."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._known = self._seen = self._look()

    def changed(self) -> bool:
        """Whether they are others than when this was last true, and the same as one look ago: who writes two files
        is let finish.
        """
        now = self._look()
        settled, self._seen = now == self._seen, now
        if now == self._known or not settled:
            return False
        self._known = now
        return True

    def _look(self) -> Signature:
        return tuple(_describe(path) for path in self._paths)


def _describe(path: Path) -> Signature:
    try:
        found = os.stat(path)
    except OSError as error:
        return (error.errno,)
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode)
