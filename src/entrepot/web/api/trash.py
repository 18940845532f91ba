# SPDX-License-Identifier: Apache-2.0
"""``/api/v1/repositories/{name}/-/trash`` and ``.../-/restore``: what can be brought back, and bringing it back."""

from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.oci.digests import Digest
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.registry import Registry
from entrepot.registry.trash import Restored, Trashed
from entrepot.web.api.bodies import read_body
from entrepot.web.api.moments import write_moment
from entrepot.web.api.operations import REPOSITORY, Operation, Place, to_pull, to_push
from entrepot.web.api.parameters import SIZE, DigestText
from entrepot.web.exchange import Answer, Exchange, json_answer

LAST = DigestText("last", "The `next` of the page before.")

MAX_BODY = 4096
"""Bytes of a wish; the largest has some 400."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be restored; both None: the last deletion in the repository."""

    tag: Tag | None
    digest: Digest | None


class TrashPages:
    """The trash of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @property
    def operations(self) -> Sequence[Operation]:
        """What this answers."""
        return (
            Operation(
                method="GET",
                path=f"{REPOSITORY}/-/trash",
                handler=self.list,
                needs=to_pull,
                key="listTrash",
                summary="Deleted manifests that can be restored, by digest",
                answer="Trash",
                query=(LAST, SIZE),
                refusals=(404,),
            ),
            Operation(
                method="POST",
                path=f"{REPOSITORY}/-/restore",
                handler=self.restore,
                needs=to_push,
                key="restore",
                summary="Bring back a tag, a manifest, or all that was last deleted from the repository",
                answer="Restored",
                body="Wish",
                refusals=(404, 409, 413, 415, 507),
            ),
        )

    async def list(self, exchange: Exchange, place: Place) -> Answer:
        """A page of the trash; also of a repository that is gone."""
        query = exchange.query
        name, last, limit = place.repository, LAST.read(query), SIZE.read(query)
        found = await self._registry.trash.page(name, last or "", limit + 1)
        if not found and last is None:
            await self._registry.catalogue.require(name)
        entries = found[:limit]
        lost = await self._registry.trash.tags_lost(name, entries)
        actors = exchange.admitted.sight.actors
        manifests = [
            _describe(entry, tags, entry.actor if actors else "") for entry, tags in zip(entries, lost, strict=True)
        ]
        return json_answer({"manifests": manifests, "next": entries[-1].digest if len(found) > limit else None})

    async def restore(self, exchange: Exchange, place: Place) -> Answer:
        """Answers when it can be pulled again."""
        name = place.repository
        restored = await self._restore(name, await _read_wish(exchange), exchange)
        return json_answer({"restored": [{"digest": one.digest, "tags": one.tags} for one in restored]})

    async def _restore(self, name: RepositoryName, wish: Wish, exchange: Exchange) -> Sequence[Restored]:
        trash, caller = self._registry.trash, exchange.caller()
        if wish.tag is not None:
            return [await trash.restore_tag(name, wish.tag, wish.digest, caller)]
        if wish.digest is not None:
            return [await trash.restore_manifest(name, wish.digest, caller)]
        return await trash.restore_repository(name, caller)


async def _read_wish(exchange: Exchange) -> Wish:
    """Raises what ``read_body`` raises, ``TagInvalid``, ``DigestInvalid``."""
    body = await read_body(exchange, "tag", "digest", limit=MAX_BODY)
    return Wish(
        Tag.parse(body.text("tag")) if body.has("tag") else None,
        Digest.parse(body.text("digest")) if body.has("digest") else None,
    )


def _describe(entry: Trashed, tags: Sequence[Tag], actor: str) -> dict[str, object]:
    return {
        "digest": entry.digest,
        "tags": tags,
        "trashedAt": write_moment(entry.trashed_at),
        "restorableUntil": write_moment(entry.due_at),
        "actor": actor,
    }
