# SPDX-License-Identifier: Apache-2.0
"""Reads the truth of a name from storage, for whoever tells the index: settling, repair, rebuild."""

from entrepot.index.facts import (
    BlobTruth,
    HeldBlob,
    ManifestFacts,
    ManifestTruth,
    Name,
    TagTruth,
    Truth,
)
from entrepot.oci import media
from entrepot.oci.digests import Digest
from entrepot.oci.errors import BlobUnknown, DigestInvalid, ManifestInvalid
from entrepot.oci.manifests import MAX_MANIFEST, Manifest, parse_manifest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.storage.ports import Storage


async def read_truth(storage: Storage, repository: RepositoryName, name: Name) -> Truth:
    """What storage says of ``name``.

    A tag or revision whose manifest cannot be read counts as not there: a client could not pull it either.
    """
    if name.kind == "blob":
        return await read_blob(storage, repository, Digest(name.name))
    if name.kind == "manifest":
        return await read_manifest(storage, repository, Digest(name.name))
    return await read_tag(storage, repository, Tag(name.name))


async def read_tag(storage: Storage, repository: RepositoryName, tag: Tag) -> TagTruth:
    """The truth of a tag. One whose manifest cannot be read is not there: a client could not pull it either."""
    digest = await storage.links.read_tag(repository, tag)
    if digest is None or (await read_manifest(storage, repository, digest)).facts is None:
        return TagTruth(tag, None)
    return TagTruth(tag, digest)


async def read_manifest(storage: Storage, repository: RepositoryName, digest: Digest) -> ManifestTruth:
    """The truth of a manifest's membership."""
    if not await storage.links.has_revision(repository, digest):
        return ManifestTruth(digest, None)
    size = await storage.blobs.stat(digest)
    if size is None:
        return ManifestTruth(digest, None)
    if size > MAX_MANIFEST:
        return ManifestTruth(digest, None, opaque=True)
    try:
        payload = b"".join([chunk async for chunk in storage.blobs.read(digest, 0, size)])
        return ManifestTruth(digest, describe(parse_manifest(payload, "", digest)))
    except BlobUnknown:
        return ManifestTruth(digest, None)
    except (ManifestInvalid, DigestInvalid):
        return ManifestTruth(digest, None, opaque=True)


async def read_blob(storage: Storage, repository: RepositoryName, digest: Digest) -> BlobTruth:
    """The truth of a blob's membership; its bytes count as not verified by us."""
    content = await storage.links.read_layer(repository, digest)
    size = None if content is None else await storage.blobs.stat(content)
    if content is None or size is None:
        return BlobTruth(digest, None)
    return BlobTruth(digest, HeldBlob(content, size, verified=False))


def describe(manifest: Manifest) -> ManifestFacts:
    """What the index keeps of a manifest. Children that are no manifests (old build caches) count as blobs."""
    children = tuple(child.digest for child in manifest.children if child.media_type in media.MANIFESTS)
    others = tuple(child.digest for child in manifest.children if child.media_type not in media.MANIFESTS)
    return ManifestFacts(
        digest=manifest.digest,
        media_type=manifest.media_type,
        payload=manifest.payload,
        artifact_type=manifest.artifact_type,
        subject=manifest.subject,
        blobs=tuple(blob.digest for blob in manifest.blobs) + others,
        children=children,
    )
