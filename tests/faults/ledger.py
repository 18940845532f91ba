# SPDX-License-Identifier: Apache-2.0
"""What one client was told: the ground on which a registry is judged after a crash."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support import transfer
from support.images import digest_of

if TYPE_CHECKING:
    import httpx

    from support.images import Content, Manifest

Key = tuple[str, str]
"""A repository, and a digest or tag in it."""


@dataclass(slots=True)
class Interrupted:
    """An upload under way. ``acknowledged``: bytes the client was told have arrived. ``closing``: the PUT was sent."""

    repository: str
    place: httpx.URL
    content: Content
    acknowledged: int = 0
    closing: bool = False


@dataclass(slots=True)
class Ledger:
    """``blobs`` and ``manifests`` were acknowledged; ``tried`` ones were sent, and no answer came.

    ``tags``: what each tag may point to; None where it may be absent. More than one: a change got no answer.
    """

    blobs: dict[Key, Content] = field(default_factory=dict)
    manifests: dict[Key, Manifest] = field(default_factory=dict)
    tags: dict[Key, set[str | None]] = field(default_factory=dict)
    tried_blobs: dict[Key, Content] = field(default_factory=dict)
    tried_manifests: dict[Key, Manifest] = field(default_factory=dict)
    upload: Interrupted | None = None

    def tagged(self) -> list[Key]:
        """Tags that are surely there, oldest first."""
        return [key for key, allowed in self.tags.items() if None not in allowed]

    def absorb(self, other: Ledger) -> None:
        """Take over what another holds as acknowledged; its tags are younger."""
        self.blobs.update(other.blobs)
        self.manifests.update(other.manifests)
        self.tags.update(other.tags)


def verify(client: httpx.Client, ledger: Ledger) -> None:
    """All that was acknowledged is served, intact; what was not is served whole or not at all.

    Afterwards the ledger knows what became of what was tried.
    """
    for (repository, digest), content in ledger.blobs.items():
        assert transfer.pull_blob(client, repository, digest) == content.data
    for (repository, digest), manifest in ledger.manifests.items():
        assert transfer.pull_manifest(client, repository, digest).data == manifest.data
    _verify_tried(client, ledger)
    for (repository, tag), allowed in ledger.tags.items():
        allowed.intersection_update({_resolve(client, repository, tag, allowed)})
    if ledger.upload is not None:
        _go_on(client, ledger.upload)
        ledger.upload = None


def _verify_tried(client: httpx.Client, ledger: Ledger) -> None:
    for (repository, digest), content in ledger.tried_blobs.items():
        answer = client.get(f"/v2/{repository}/blobs/{digest}")
        assert answer.status_code in {200, 404}
        if answer.status_code == 200:
            assert answer.content == content.data
    for (repository, digest), manifest in ledger.tried_manifests.items():
        answer = client.get(f"/v2/{repository}/manifests/{digest}")
        assert answer.status_code in {200, 404}
        if answer.status_code == 200:
            assert answer.content == manifest.data
            transfer.assert_serves(client, repository, manifest)
    ledger.tried_blobs.clear()
    ledger.tried_manifests.clear()


def _resolve(client: httpx.Client, repository: str, tag: str, allowed: set[str | None]) -> str | None:
    """What the tag points to, which must be allowed; then its manifest and all blobs of it are there, intact."""
    answer = client.get(f"/v2/{repository}/manifests/{tag}")
    assert answer.status_code in {200, 404}, f"{repository}:{tag} answers {answer.status_code} {answer.text}"
    found = None if answer.status_code == 404 else answer.headers["Docker-Content-Digest"]
    assert found in allowed, f"{repository}:{tag} is {found}; the client was told {allowed}"
    if found is None:
        return None
    assert digest_of(answer.content) == found
    document = answer.json()
    for blob in (document["config"], *document["layers"]):
        assert len(transfer.pull_blob(client, repository, blob["digest"])) == blob["size"]
    return str(found)


def _go_on(client: httpx.Client, upload: Interrupted) -> None:
    """What the client was told has arrived is still there, and the upload goes on from where it is.

    Once the closing PUT was sent the upload may have ended; then the client begins anew.
    """
    status = client.get(upload.place)
    if status.status_code == 404 and upload.closing:
        transfer.push_blob(client, upload.repository, upload.content)
    else:
        assert status.status_code == 204, status.text
        offset = int(status.headers["Range"].rpartition("-")[2])
        offset += 1 if offset else 0
        assert upload.acknowledged <= offset <= upload.content.size
        place = transfer.location(status)
        if offset < upload.content.size:
            place = transfer.append(client, place, upload.content.data[offset:], start=offset)
        answer = transfer.finish_upload(client, place, upload.content.digest)
        assert answer.status_code == 201, answer.text
    assert transfer.pull_blob(client, upload.repository, upload.content.digest) == upload.content.data
