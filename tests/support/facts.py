# SPDX-License-Identifier: Apache-2.0
"""Facts as the index is told them, and changes as they are asked for, in few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.index.facts import BlobTruth, Change, HeldBlob, ManifestFacts, ManifestTruth, Name, TagTruth
from entrepot.oci import media
from entrepot.oci.digests import Digest
from entrepot.oci.names import Tag
from support.rooms import NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.index.facts import Truth
    from entrepot.index.index import Index
    from entrepot.oci.names import RepositoryName


def digest_of(text: str) -> Digest:
    """The digest of a short text: one text, one digest."""
    return Digest.of(text.encode())


def facts(
    text: str,
    *,
    subject: Digest | None = None,
    artifact_type: str | None = None,
    blobs: Sequence[Digest] = (),
    children: Sequence[Digest] = (),
) -> ManifestFacts:
    """A manifest whose payload is ``text``."""
    return ManifestFacts(
        digest=digest_of(text),
        media_type=media.OCI_MANIFEST,
        payload=text.encode(),
        artifact_type=artifact_type,
        subject=subject,
        blobs=tuple(blobs),
        children=tuple(children),
    )


def held(text: str, *, verified: bool = True) -> BlobTruth:
    """The repository holds a blob whose bytes are ``text``."""
    digest = digest_of(text)
    return BlobTruth(digest, HeldBlob(digest, len(text), verified))


def manifest_truth(text: str) -> ManifestTruth:
    """The repository holds the manifest ``text``."""
    return ManifestTruth(digest_of(text), facts(text))


def tag_truth(tag: str, text: str | None) -> TagTruth:
    """The tag points to the manifest ``text``, or is not there."""
    return TagTruth(Tag(tag), None if text is None else digest_of(text))


def tag_name(tag: str) -> Name:
    """A tag as a name under change."""
    return Name("tag", tag)


def blob_name(text: str) -> Name:
    """A blob's membership as a name under change."""
    return Name("blob", digest_of(text))


def manifest_name(text: str) -> Name:
    """A manifest's membership as a name under change."""
    return Name("manifest", digest_of(text))


def change(*names: Name, pins: Sequence[Name] = (), removes: bool = False, name: RepositoryName = NAME) -> Change:
    """A change of ``names``."""
    return Change(name, names, tuple(pins), removes)


async def tell(index: Index, *truths: Truth, name: RepositoryName = NAME) -> None:
    """Record truths as a finished change does."""
    begun = await index.changes.begin(change(*dict.fromkeys(truth.name for truth in truths), name=name))
    await index.changes.finish(begun, name, truths)
