# SPDX-License-Identifier: Apache-2.0
"""What the index is told of a name, once storage has been read or changed: the name's new truth.

Finishing a push, finishing a removal, settling a change whose holder died and repairing a miss are the same to the
index: the truth of some names, recorded in one transaction.
"""

from dataclasses import dataclass
from typing import Literal

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag

Kind = Literal["tag", "manifest", "blob"]


@dataclass(frozen=True, slots=True)
class Name:
    """One name of a repository: a tag, or the membership of a manifest or blob."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """What a pull needs."""

    digest: Digest
    media_type: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class LargeManifest:
    """A manifest whose payload is too large to be read on the loop."""

    digest: Digest


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """All that the index keeps of a manifest."""

    digest: Digest
    media_type: str
    payload: bytes
    artifact_type: str | None
    subject: Digest | None
    blobs: tuple[Digest, ...]
    children: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class TagTruth:
    """The tag points to ``digest``, or is not there."""

    tag: Tag
    digest: Digest | None

    @property
    def name(self) -> Name:
        """What this speaks of."""
        return Name("tag", self.tag)

    @property
    def present(self) -> bool:
        """Whether it is there."""
        return self.digest is not None


@dataclass(frozen=True, slots=True)
class ManifestTruth:
    """The repository holds the manifest (``facts``), or not.

    ``opaque``: it holds one that we do not understand (schema 1, damaged, too large). It is not served; that it is
    there is known, so that neither its bytes nor what it may need are collected.
    """

    digest: Digest
    facts: ManifestFacts | None
    opaque: bool = False

    @property
    def name(self) -> Name:
        """What this speaks of."""
        return Name("manifest", self.digest)

    @property
    def present(self) -> bool:
        """Whether it is there."""
        return self.facts is not None or self.opaque


@dataclass(frozen=True, slots=True)
class HeldBlob:
    """Bytes of a blob: under which digest they lie, how many, and whether we verified them."""

    content: Digest
    size: int
    verified: bool


@dataclass(frozen=True, slots=True)
class BlobTruth:
    """The repository holds the blob (``held``), or not."""

    digest: Digest
    held: HeldBlob | None

    @property
    def name(self) -> Name:
        """What this speaks of."""
        return Name("blob", self.digest)

    @property
    def present(self) -> bool:
        """Whether it is there."""
        return self.held is not None


Truth = TagTruth | ManifestTruth | BlobTruth


@dataclass(frozen=True, slots=True)
class Change:
    """A change of names that is about to be made in storage.

    ``pins``: what must be there and stay there until the change is finished. ``removes``: whether names go away, which
    must then be pinned by nobody.
    """

    repository: RepositoryName
    names: tuple[Name, ...]
    pins: tuple[Name, ...] = ()
    removes: bool = False


@dataclass(frozen=True, slots=True)
class OpenIntent:
    """A name under change."""

    repository: RepositoryName
    name: Name
    change: str
    holder: str
