# SPDX-License-Identifier: Apache-2.0
"""Every path in storage, as docker/distribution lays them out (compat.md 2.1), relative to the storage root.

    docker/registry/v2/
    ├── blobs/<alg>/<first 2 hex>/<hex>/data              bytes of layers, configs and manifests
    └── repositories/<name>/
        ├── _layers/<alg>/<hex>/link                      this repository holds this blob
        ├── _manifests/revisions/<alg>/<hex>/link         this repository holds this manifest
        ├── _manifests/tags/<tag>/current/link            what a tag points to
        ├── _manifests/tags/<tag>/index/<alg>/<hex>/link  what it ever pointed to
        └── _uploads/<id>/{data,startedat,digests}        an upload under way; `digests` is ours
    entrepot/                                             ours; registry:2 never looks here
    ├── index.sqlite3                                     the index, unless it is configured elsewhere
    ├── reserve                                           space to give up when others fill the disk
    ├── serving.lock                                      held by the server that serves this directory
    ├── digests.lock                                      ranges of it are locked while bytes come or go
    ├── mark                                             what an index elsewhere knows this directory by
    ├── removals                                         its time changes before directories are removed
    ├── holders/<uuid>                                    a lock for each process that may hold intents
    ├── quarantine/<alg>/<hex>.<n>                        bytes that were not those of their digest, set aside
    └── tmp/                                              files on their way to a name

A link's content is a digest, without a newline. All names come from checked values, so no path leaves the root.
"""

from uuid import UUID

from entrepot.oci.digests import HEX_LENGTHS, Digest
from entrepot.oci.names import RepositoryName, Tag

V2 = "docker/registry/v2"
BLOBS = f"{V2}/blobs"
REPOSITORIES = f"{V2}/repositories"
OWN = "entrepot"
MARK = f"{OWN}/mark"
REMOVALS = f"{OWN}/removals"
DIGEST_LOCKS = f"{OWN}/digests.lock"
TEMPORARY = f"{OWN}/tmp"  # noqa: S108 - below the storage root, not the system's
QUARANTINE = f"{OWN}/quarantine"


def blob_directory(digest: Digest) -> str:
    """Where the bytes of ``digest`` lie."""
    return f"{BLOBS}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"


def blob_data(digest: Digest) -> str:
    """The bytes themselves."""
    return f"{blob_directory(digest)}/data"


def repository(name: RepositoryName) -> str:
    """A repository; others may be nested in it."""
    return f"{REPOSITORIES}/{name}"


def layers(name: RepositoryName) -> str:
    """All links to blobs."""
    return f"{repository(name)}/_layers"


def layer_directory(name: RepositoryName, digest: Digest) -> str:
    """The directory of one blob's link."""
    return f"{layers(name)}/{digest.algorithm}/{digest.hex}"


def layer_link(name: RepositoryName, digest: Digest) -> str:
    """Membership of a blob."""
    return f"{layer_directory(name, digest)}/link"


def is_foreign(digest: Digest, content: Digest) -> bool:
    """Whether a link to ``digest`` that holds ``content`` is damaged: aliases are of another algorithm, since one alone
    gives the same bytes one digest.
    """
    return digest != content and digest.algorithm == content.algorithm


def revisions(name: RepositoryName) -> str:
    """All links to manifests."""
    return f"{repository(name)}/_manifests/revisions"


def revision_link(name: RepositoryName, digest: Digest) -> str:
    """Membership of a manifest."""
    return f"{revisions(name)}/{digest.algorithm}/{digest.hex}/link"


def tags(name: RepositoryName) -> str:
    """All tags."""
    return f"{repository(name)}/_manifests/tags"


def tag_directory(name: RepositoryName, tag: Tag) -> str:
    """All that is kept of one tag."""
    return f"{tags(name)}/{tag}"


def tag_current(name: RepositoryName, tag: Tag) -> str:
    """What the tag points to."""
    return f"{tag_directory(name, tag)}/current/link"


def tag_history(name: RepositoryName, tag: Tag, digest: Digest) -> str:
    """That the tag ever pointed to ``digest``."""
    return f"{tag_directory(name, tag)}/index/{digest.algorithm}/{digest.hex}/link"


def may_vanish(path: str) -> bool:
    """Whether the directory ``path`` goes with what it holds: a tag's, or one named by a digest or an upload's id (a
    repository's name may be as long; taking it for one costs a sync).
    """
    return "/_manifests/tags/" in path or len(path.rpartition("/")[2]) >= 36


def uploads(name: RepositoryName) -> str:
    """All uploads of a repository."""
    return f"{repository(name)}/_uploads"


def skeleton(name: RepositoryName) -> list[str]:
    """The directories that hold nothing but others once a repository is empty, deepest first."""
    below = [f"{root}/{algorithm}" for root in (revisions(name), layers(name)) for algorithm in HEX_LENGTHS]
    return [*below, revisions(name), tags(name), f"{repository(name)}/_manifests", layers(name), uploads(name)]


def upload_directory(name: RepositoryName, upload: UUID) -> str:
    """One upload."""
    return f"{uploads(name)}/{upload}"


def quarantine(digest: Digest, number: int) -> str:
    """Where wrong bytes of ``digest`` are kept; ``number`` counts those that were found one after the other."""
    return f"{QUARANTINE}/{digest.algorithm}/{digest.hex}.{number}"
