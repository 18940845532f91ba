# SPDX-License-Identifier: Apache-2.0
"""Settings of the index: our own section ``index`` (top level)."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """``index.url``: ``sqlite:////absolute/path`` or ``postgresql://user:password@host/database``.

    None puts it beside the data (``<root>/entrepot/index.sqlite3``).
    """

    url: str | None = field(default=None, repr=False)
