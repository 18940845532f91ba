# SPDX-License-Identifier: Apache-2.0
"""What people did to content, in the log: pushes, mounts, deletions, and what was restored."""

from collections.abc import Sequence

from entrepot.index.deeds import Deed, TagMove
from entrepot.index.engine import Transaction
from entrepot.index.facts import BlobTruth, ManifestTruth, TagTruth, Truth
from entrepot.oci.names import RepositoryName
from entrepot.telemetry.audit_log import AuditLog

SHOWN = 5
"""Names of a kind that a line tells; of more it tells how many."""


class DeedLog:
    """The witness of deeds who writes a line about each; not about what the registry does by itself.

    The line is gathered a moment before the deed is durable: in the rare case that it is not, the client got an error,
    and the line stands all the same.
    """

    def __init__(self, lines: AuditLog) -> None:
        self._lines = lines

    def witness(
        self,
        repository: RepositoryName,
        truths: Sequence[Truth],
        moves: Sequence[TagMove],  # noqa: ARG002 - the protocol's
        deed: Deed,
        tx: Transaction,  # noqa: ARG002 - the protocol's
    ) -> None:
        """See :class:`entrepot.index.deeds.Witness`."""
        caller = deed.caller
        if not caller.method:
            return
        self._lines.add(
            {
                "action": deed.action,
                "actor": caller.actor,
                "address": caller.address,
                "rule": caller.rule,
                "repository": repository,
                "from": deed.source,
                "tags": _list([truth.tag for truth in truths if isinstance(truth, TagTruth)]),
                "manifests": _list([truth.digest for truth in truths if isinstance(truth, ManifestTruth)]),
                "blobs": _list([truth.digest for truth in truths if isinstance(truth, BlobTruth)]),
                "request": caller.request_id,
            }
        )


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return " ".join(names[:SHOWN]) + more
