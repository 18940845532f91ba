# SPDX-License-Identifier: Apache-2.0
"""``/api/v1/roles``: names for rules that several have."""

from collections.abc import Sequence

from entrepot.auth.roles import Role, Roles
from entrepot.web.api.bodies import read_body
from entrepot.web.api.operations import Operation, Place, to_administer
from entrepot.web.exchange import Answer, Exchange, json_answer


class RolePages:
    """The roles of one registry."""

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    @property
    def operations(self) -> Sequence[Operation]:
        """What this answers."""
        return (
            Operation(
                method="GET",
                path="/roles",
                handler=self.list,
                needs=to_administer,
                key="listRoles",
                summary="All roles, by name",
                answer="Roles",
            ),
            Operation(
                method="POST",
                path="/roles",
                handler=self.add,
                needs=to_administer,
                key="addRole",
                summary="Add a role, which may do nothing until it has rules",
                answer="Role",
                status=201,
                body="NewRole",
                refusals=(409, 413, 415),
            ),
            Operation(
                method="GET",
                path="/roles/{role}",
                handler=self.get,
                needs=to_administer,
                key="getRole",
                summary="One role",
                answer="Role",
                refusals=(404,),
            ),
            Operation(
                method="DELETE",
                path="/roles/{role}",
                handler=self.remove,
                needs=to_administer,
                key="removeRole",
                summary="Remove a role with its rules, and from all who have it; answers what was",
                answer="Role",
                refusals=(404, 409),
            ),
        )

    async def list(self, _exchange: Exchange, _place: Place) -> Answer:
        """As many as there are: roles are made by people."""
        return json_answer({"roles": [_describe(role) for role in await self._roles.all()]})

    async def add(self, exchange: Exchange, _place: Place) -> Answer:
        """409 where it is there."""
        body = await read_body(exchange, "name", "comment")
        role = await self._roles.add(body.text("name"), body.text("comment", ""), exchange.caller())
        return json_answer(_describe(role), status=201)

    async def get(self, _exchange: Exchange, place: Place) -> Answer:
        """One of them."""
        return json_answer(_describe(await self._roles.find(place.name)))

    async def remove(self, exchange: Exchange, place: Place) -> Answer:
        """Answers what was."""
        return json_answer(_describe(await self._roles.remove(place.name, exchange.caller())))


def _describe(role: Role) -> dict[str, object]:
    return {"name": role.name, "comment": role.comment, "builtIn": role.built_in}
