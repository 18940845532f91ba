# SPDX-License-Identifier: Apache-2.0
"""``/api/v1/repositories/{name}/-/tags`` and ``.../-/manifests``: tags, their history, and deleting them."""

from collections.abc import Sequence

from entrepot.registry.registry import Registry
from entrepot.registry.trash import NEWEST, Move
from entrepot.web.api.moments import write_moment
from entrepot.web.api.operations import REPOSITORY, Operation, Place, to_delete, to_pull
from entrepot.web.api.parameters import PURGE, SIZE, Cursor, TagText
from entrepot.web.api.repositories import answer_deletion
from entrepot.web.exchange import Answer, Exchange, json_answer

LAST = TagText("last", "The `next` of the page before.")
BEFORE = Cursor("before", "The `next` of the page before; absent for the newest move.")


class TagPages:
    """The tags and manifests of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @property
    def operations(self) -> Sequence[Operation]:
        """What this answers."""
        return (
            Operation(
                method="GET",
                path=f"{REPOSITORY}/-/tags",
                handler=self.list,
                needs=to_pull,
                key="listTags",
                summary="Tags by name, bytewise, with what they point to",
                answer="Tags",
                query=(LAST, SIZE),
                refusals=(404,),
            ),
            Operation(
                method="DELETE",
                path=f"{REPOSITORY}/-/tags/{{tag}}",
                handler=self.delete_tag,
                needs=to_delete,
                key="deleteTag",
                summary="Delete a tag; a manifest that nothing else keeps alive goes to the trash",
                answer="Deleted",
                status=202,
                query=(PURGE,),
                refusals=(404,),
            ),
            Operation(
                method="GET",
                path=f"{REPOSITORY}/-/tags/{{tag}}/history",
                handler=self.list_moves,
                needs=to_pull,
                key="listMoves",
                summary="Every move of a tag, the newest first",
                answer="Moves",
                query=(BEFORE, SIZE),
                refusals=(404,),
            ),
            Operation(
                method="DELETE",
                path=f"{REPOSITORY}/-/manifests/{{digest}}",
                handler=self.delete_manifest,
                needs=to_delete,
                key="deleteManifest",
                summary="Delete a manifest with all tags that point to it",
                answer="Deleted",
                status=202,
                query=(PURGE,),
                refusals=(404,),
            ),
        )

    async def list(self, exchange: Exchange, place: Place) -> Answer:
        """A page of tags."""
        query = exchange.query
        last = LAST.read(query) or ""
        page = await self._registry.catalogue.tag_entries(place.repository, last, SIZE.read(query))
        entries = [
            {"name": entry.tag, "digest": entry.digest, "movedAt": write_moment(entry.moved_at)}
            for entry in page.entries
        ]
        return json_answer({"tags": entries, "next": page.entries[-1].tag if page.more else None})

    async def delete_tag(self, exchange: Exchange, place: Place) -> Answer:
        """Its siblings stay."""
        name, tag, purge = place.repository, place.tag, PURGE.read(exchange.query)
        until = await self._registry.manifests.untag(name, tag, exchange.caller(), purge=purge)
        return answer_deletion({"repository": name, "tag": tag}, until)

    async def delete_manifest(self, exchange: Exchange, place: Place) -> Answer:
        """By digest."""
        name, digest, purge = place.repository, place.digest, PURGE.read(exchange.query)
        until = await self._registry.manifests.remove(name, digest, exchange.caller(), purge=purge)
        return answer_deletion({"repository": name, "digest": digest}, until)

    async def list_moves(self, exchange: Exchange, place: Place) -> Answer:
        """A page of moves; also of a tag or repository that is gone."""
        query = exchange.query
        name, tag, before, limit = place.repository, place.tag, BEFORE.read(query, NEWEST), SIZE.read(query)
        moves = await self._registry.trash.history(name, tag, before, limit + 1)
        if not moves and before == NEWEST:
            await self._registry.catalogue.require(name)
            await self._registry.manifests.get(name, tag)
        more = len(moves) > limit
        actors = exchange.admitted.sight.actors
        entries = [_describe(move, move.actor if actors else "") for move in moves[:limit]]
        return json_answer({"moves": entries, "next": str(moves[limit - 1].number) if more else None})


def _describe(move: Move, actor: str) -> dict[str, object]:
    return {
        "number": move.number,
        "at": write_moment(move.moved_at),
        "actor": actor,
        "action": move.action,
        "from": move.old,
        "to": move.new,
    }
