# SPDX-License-Identifier: Apache-2.0
"""What was done, by whom: beside the new truth of names, what history, trash and events are written from.

Repair, adoption and settling tell truths without a deed: nobody did anything, the index learned.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from entrepot.index.engine import Transaction
from entrepot.index.facts import Truth
from entrepot.oci.callers import Caller
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag

Action = Literal["push", "mount", "delete", "restore"]


@dataclass(frozen=True, slots=True)
class Deed:
    """Why the truths of a change are new.

    ``keep``: seconds for which what dies by it can be restored; 0: not at all. ``at``: Unix time, the same for all
    changes that one deed needs. ``source``: the repository that a blob was mounted from.
    """

    action: Action
    caller: Caller
    keep: float = 0.0
    at: float = field(default_factory=time.time)
    source: RepositoryName | None = None

    @property
    def due(self) -> float | None:
        """Until when what dies by it can be restored, in Unix seconds; None: not at all."""
        return self.at + self.keep if self.keep > 0 else None


@dataclass(frozen=True, slots=True)
class TagMove:
    """A tag that points elsewhere than before; None: to nothing."""

    tag: Tag
    old: Digest | None
    new: Digest | None


class Witness(Protocol):
    """Writes something about each deed, in the transaction that records its truths."""

    def witness(
        self, repository: RepositoryName, truths: Sequence[Truth], moves: Sequence[TagMove], deed: Deed, tx: Transaction
    ) -> None:
        """Called after ``truths`` were recorded. ``moves``: which tags that moved."""
        ...
