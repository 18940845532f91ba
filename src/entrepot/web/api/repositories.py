# SPDX-License-Identifier: Apache-2.0
"""``/api/v1/repositories``: which there are, what a deletion would give back, and deleting."""

from collections.abc import Sequence

from entrepot.oci.errors import ManifestUnknown
from entrepot.registry.catalogue import Reclaim
from entrepot.registry.registry import Registry
from entrepot.web.api.moments import write_moment
from entrepot.web.api.operations import REPOSITORIES, REPOSITORY, Operation, Place, to_delete, to_list, to_pull
from entrepot.web.api.parameters import PURGE, SIZE, DigestText, NameText, TagText
from entrepot.web.exchange import Answer, Exchange, json_answer

LAST = NameText("last", "The `next` of the page before.")
TAG = TagText("tag", "Only this tag, and what it alone keeps alive.")
DIGEST = DigestText(
    "digest",
    "Only this manifest with its tags, and what it alone keeps alive. Beside `tag`: that the tag points to it.",
)

NAMED = 10_000
"""Tags and manifests that are named to whoever asks what would go: 2 MB at most. The counts are of all."""


class RepositoryPages:
    """The repositories of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @property
    def operations(self) -> Sequence[Operation]:
        """What this answers."""
        return (
            Operation(
                method="GET",
                path=REPOSITORIES,
                handler=self.list,
                needs=to_list,
                key="listRepositories",
                summary="Repositories by name, bytewise",
                answer="Repositories",
                query=(LAST, SIZE),
            ),
            Operation(
                method="GET",
                path=REPOSITORY,
                handler=self.get,
                needs=to_pull,
                key="getRepository",
                summary="Whether there is such a repository",
                answer="Repository",
                refusals=(404,),
            ),
            Operation(
                method="DELETE",
                path=REPOSITORY,
                handler=self.delete,
                needs=to_delete,
                key="deleteRepository",
                summary="Delete all that a repository holds; those nested below it stay",
                answer="Deleted",
                status=202,
                query=(PURGE,),
                refusals=(404,),
            ),
            Operation(
                method="GET",
                path=f"{REPOSITORY}/-/reclaim",
                handler=self.reclaim,
                needs=to_pull,
                key="previewReclaim",
                summary="What deleting the repository, a tag or a manifest would take along and give back",
                answer="Reclaim",
                query=(TAG, DIGEST),
                refusals=(404,),
            ),
        )

    async def list(self, exchange: Exchange, _: Place) -> Answer:
        """A page of names."""
        query = exchange.query
        page = await self._registry.catalogue.repositories(
            LAST.read(query) or "", SIZE.read(query), exchange.admitted.sight
        )
        entries = [{"name": name} for name in page.entries]
        return json_answer({"repositories": entries, "next": page.entries[-1] if page.more else None})

    async def get(self, _: Exchange, place: Place) -> Answer:
        """404 where it is not there."""
        await self._registry.catalogue.require(place.repository)
        return json_answer({"name": place.repository})

    async def delete(self, exchange: Exchange, place: Place) -> Answer:
        """Answers when all is gone."""
        name, purge = place.repository, PURGE.read(exchange.query)
        until = await self._registry.repositories.remove(name, exchange.caller(), purge=purge)
        return answer_deletion({"repository": name}, until)

    async def reclaim(self, exchange: Exchange, place: Place) -> Answer:
        """Changes nothing."""
        query = exchange.query
        name, tag, digest = place.repository, TAG.read(query), DIGEST.read(query)
        if tag is not None and digest is not None and (await self._registry.manifests.get(name, tag)).digest != digest:
            raise ManifestUnknown(f"the tag {tag} of {name} does not point to {digest} any more; look again")
        found = await self._registry.catalogue.reclaim(name, tag or digest, exchange.admitted.sight)
        return json_answer(_describe(found))


def answer_deletion(what: dict[str, object], until: float | None) -> Answer:
    """``until``: Unix seconds to which it can be restored; None: not at all."""
    return json_answer({**what, "restorableUntil": None if until is None else write_moment(until)}, status=202)


def _describe(found: Reclaim) -> dict[str, object]:
    return {
        "tags": found.tags[:NAMED],
        "tagCount": len(found.tags),
        "manifests": found.manifests[:NAMED],
        "manifestCount": len(found.manifests),
        "bytesFreed": found.freed,
        "blobsFreed": found.freed_blobs,
        "bytesShared": found.shared,
        "blobsShared": found.shared_blobs,
    }
