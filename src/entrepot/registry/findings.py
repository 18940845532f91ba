# SPDX-License-Identifier: Apache-2.0
"""What a check of a registry finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from entrepot.index.facts import Name
from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.storage.oddities import Oddity, OddityKind

Severity = Literal["error", "warning", "information"]

FindingKind = (
    OddityKind
    | Literal[
        "wrong-bytes",  # bytes that have another digest than their place says
        "manifest-without-bytes",  # a repository holds it, and its bytes are not there
        "bad-manifest",  # bytes that are no manifest that is served
        "incomplete-image",  # a manifest that names blobs which its repository does not hold
        "incomplete-index",  # an index that names manifests which its repository does not hold
        "tag-without-manifest",  # a tag of a manifest that its repository does not hold
        "index-differs",  # index and storage do not say the same of a name
        "size-differs",  # of a blob's size
        "not-adopted",  # repositories that the index does not know whole yet
        "blob-without-row",  # bytes of which the index knows nothing
        "blob-without-bytes",  # a link to a blob that is not there
    ]
)

SEVERITIES: Mapping[FindingKind, Severity] = {
    "wrong-bytes": "error",
    "unreadable": "error",
    "broken-blob": "error",
    "broken-link": "error",
    "empty-link": "error",
    "manifest-without-bytes": "error",
    "bad-manifest": "error",
    "incomplete-image": "error",
    "incomplete-index": "warning",
    "tag-without-manifest": "warning",
    "remains": "warning",
    "old-name": "warning",
    "misplaced-blob": "warning",
    "index-differs": "warning",
    "size-differs": "warning",
    "not-adopted": "information",
    "blob-without-bytes": "information",
    "blob-without-row": "information",
    "blob-without-data": "information",
    "upload": "information",
    "temporary": "information",
    "quarantined": "information",
    "stray": "information",
}
"""An error: what was pushed cannot be pulled, or nobody can tell. A warning: something is missing or not agreed on that
a client may notice. Information: harmless. In the order in which they are told.
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing. ``where``: a path relative to the storage root, a name in a repository, or a digest; it and ``detail``
    may hold whatever a file's name may hold. ``needed_by``: repositories, and tags as ``repository:tag``.

    ``done`` says what a repair did about it; ``remains`` whether it is wrong still.
    """

    kind: FindingKind
    where: str
    detail: str = ""
    repository: RepositoryName | None = None
    name: Name | None = None
    needed_by: tuple[str, ...] = ()
    done: str = ""
    remains: bool = True

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return SEVERITIES[self.kind]

    @property
    def digest(self) -> Digest:
        """Of which blob or manifest it speaks; only where ``name`` is one."""
        assert self.name is not None  # noqa: S101 - the kinds that ask have one
        return Digest(self.name.name)


def judge(oddity: Oddity) -> Finding:
    """An oddity of storage as a finding."""
    return Finding(oddity.kind, oddity.path, oddity.detail, oddity.repository, _name(oddity))


def _name(oddity: Oddity) -> Name | None:
    if oddity.tag is not None:
        return Name("tag", Tag(oddity.tag))
    if oddity.digest is not None:
        return Name("manifest" if oddity.is_manifest else "blob", oddity.digest)
    return None
