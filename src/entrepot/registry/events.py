# SPDX-License-Identifier: Apache-2.0
"""What an event says: the fields of docker/distribution 2.8 (compat.md 5.2), and which deeds and pulls make one.

Fields that have nothing to say are left out where 2.8 leaves them out, since receivers were written against that.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from entrepot.index.deeds import Deed, TagMove
from entrepot.index.engine import Transaction
from entrepot.index.envelopes import Happening, Source, write_event
from entrepot.index.facts import BlobTruth, ManifestFacts, ManifestTruth, StoredManifest, TagTruth, Truth
from entrepot.index.outbox import OutboxWriter
from entrepot.oci.callers import Caller
from entrepot.oci.digests import Digest
from entrepot.oci.media import OCTET_STREAM
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.settings import EventSettings

Told = Literal["push", "pull", "mount", "delete"]
"""What events call what was done."""

Target = dict[str, object]


class EventWriter:
    """The witness of deeds: writes their events in the transaction of the change."""

    def __init__(self, settings: EventSettings, outbox: OutboxWriter) -> None:
        self._outbox = outbox
        self._describer = Describer(settings)

    def witness(
        self,
        repository: RepositoryName,
        truths: Sequence[Truth],
        moves: Sequence[TagMove],  # noqa: ARG002 - the protocol's; a tag that stays is pushed, too
        deed: Deed,
        tx: Transaction,
    ) -> None:
        """One event for each blob, and for each manifest as many as there are tags pushed with it."""
        now = time.time_ns()
        # What came back from the trash is there as if pushed: receivers know no other word for it.
        action: Told = "push" if deed.action == "restore" else deed.action
        for target in self._describer.targets(repository, truths, deed):
            body = self._describer.event(action, target, deed.caller, now)
            self._outbox.add(now / 1e9, body, tx, repository)


class Describer:
    """Writes targets and whole events as distribution names their parts."""

    def __init__(self, settings: EventSettings) -> None:
        self._settings = settings
        self._source = Source(settings.source, settings.instance)

    def event(self, action: Told, target: Target, caller: Caller, when: int) -> str:
        """The JSON of one event; ``when`` in nanoseconds since 1970. The rule that allowed it stands under a key that
        distribution does not have, where there is one.
        """
        more = {"authorization": {"rule": caller.rule}} if caller.rule else {}
        return write_event(Happening(action, target, _request(caller), caller.actor, more), self._source, when)

    def targets(self, repository: RepositoryName, truths: Sequence[Truth], deed: Deed) -> Iterator[Target]:
        """What was done to which names. A manifest comes before the tags that went with it."""
        tags = [truth for truth in truths if isinstance(truth, TagTruth)]
        for truth in truths:
            match truth:
                case BlobTruth():
                    yield self._blob_target(repository, truth, deed)
                case ManifestTruth(digest, None):
                    yield {"digest": digest, "repository": repository}
                case ManifestTruth(_, facts) if facts is not None:
                    pointing = [tag.tag for tag in tags if tag.digest == facts.digest]
                    for tag in pointing or (None,):
                        yield self.manifest(repository, tag, facts, deed.caller)
        for truth in tags:
            if truth.digest is None:
                yield {"repository": repository, "tag": truth.tag}

    def manifest(
        self, repository: RepositoryName, tag: Tag | None, manifest: StoredManifest | ManifestFacts, caller: Caller
    ) -> Target:
        """A manifest that is there."""
        target = self._there(
            "manifests", manifest.media_type, len(manifest.payload), repository, manifest.digest, caller
        )
        if tag is not None:
            target["tag"] = tag
        if self._settings.includereferences:
            target["references"] = _references(manifest.payload)
        return target

    def blob(self, repository: RepositoryName, digest: Digest, size: int, caller: Caller) -> Target:
        """A blob that is there."""
        return self._there("blobs", OCTET_STREAM, size, repository, digest, caller)

    def _blob_target(self, repository: RepositoryName, truth: BlobTruth, deed: Deed) -> Target:
        if truth.held is None:
            return {"digest": truth.digest, "repository": repository}
        target = self.blob(repository, truth.digest, truth.held.size, deed.caller)
        if deed.source is not None:
            target["fromRepository"] = deed.source
        return target

    def _there(
        self, kind: str, media_type: str, size: int, repository: RepositoryName, digest: Digest, caller: Caller
    ) -> Target:
        base = self._settings.base
        if base is None:
            base = caller.origin + self._settings.prefix
        target: Target = {"mediaType": media_type}
        if size:
            target["size"] = size
        target["digest"] = digest
        if size:
            target["length"] = size
        target["repository"] = repository
        target["url"] = f"{base}/v2/{repository}/{kind}/{digest}"
        return target


def _request(caller: Caller) -> Mapping[str, str]:
    known = {"id": caller.request_id, "addr": caller.remote, "host": caller.host}
    return {
        **{name: value for name, value in known.items() if value},
        "method": caller.method,
        "useragent": caller.user_agent,
    }


def _references(payload: bytes) -> list[Target]:
    """Config and layers, or the manifests of an index, as far as each says digest, size and type."""
    document = json.loads(payload)
    named = [document.get("config"), *(document.get("layers") or ()), *(document.get("manifests") or ())]
    keys = ("mediaType", "size", "digest")
    return [{key: one[key] for key in keys if one.get(key)} for one in named if isinstance(one, dict)]
