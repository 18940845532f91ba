# SPDX-License-Identifier: Apache-2.0
"""What lies in storage and is not as the layout has it."""

from dataclasses import dataclass
from typing import Literal

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag

OddityKind = Literal[
    "unreadable",  # the operating system refuses to show it
    "broken-link",  # a link that is no file, or leads nowhere it could
    "empty-link",  # a link without content, as a crash of registry:2 leaves it
    "remains",  # a tag's directory without its link
    "old-name",  # a repository or tag whose name is not valid today
    "broken-blob",  # the bytes of a blob are no file
    "misplaced-blob",  # a blob under the prefix of another
    "blob-without-data",  # the directory of a blob, without its bytes
    "upload",  # begun and not ended
    "temporary",  # on its way to a name when its process died
    "quarantined",  # wrong bytes that a check set aside
    "stray",  # nothing we understand
]


@dataclass(frozen=True, slots=True)
class Oddity:
    """One of them. ``path`` is relative to the storage root and may hold whatever a file's name may hold.

    ``repository``, ``tag`` and ``digest`` say whose it is, where that is known; of a link with a digest,
    ``is_manifest`` says which kind. Remains have a ``tag`` where nothing lies in them that is not understood.
    """

    kind: OddityKind
    path: str
    detail: str = ""
    repository: RepositoryName | None = None
    tag: Tag | None = None
    digest: Digest | None = None
    is_manifest: bool = False
