# SPDX-License-Identifier: Apache-2.0
"""``/api/v1/users``: people with a password."""

from collections.abc import Sequence

from entrepot.auth.users import Users
from entrepot.web.api.accounts import AccountPages, write_account
from entrepot.web.api.bodies import read_body
from entrepot.web.api.operations import Operation, Place, to_administer
from entrepot.web.exchange import Answer, Exchange, json_answer


class UserPages:
    """The users of one registry."""

    def __init__(self, users: Users) -> None:
        self._users = users

    @property
    def operations(self) -> Sequence[Operation]:
        """What this answers."""
        return (
            *AccountPages(self._users.accounts).operations,
            Operation(
                method="POST",
                path="/users",
                handler=self.add,
                needs=to_administer,
                key="addUser",
                summary="Add a user",
                answer="Account",
                status=201,
                body="NewUser",
                refusals=(404, 409, 413, 415),
            ),
            Operation(
                method="POST",
                path="/users/{user}/password",
                handler=self.set_password,
                needs=to_administer,
                key="setPassword",
                summary="Give a user another password; who is signed in with the old one is out",
                answer="Account",
                body="NewPassword",
                refusals=(404, 413, 415),
            ),
        )

    async def add(self, exchange: Exchange, _place: Place) -> Answer:
        """409 where the name is taken, 404 where a role is not there."""
        body = await read_body(exchange, "name", "password", "roles", "comment")
        password = body.text("password") if body.has("password") else None
        account = await self._users.add(
            body.text("name"), password, body.texts("roles"), body.text("comment", ""), exchange.caller()
        )
        return json_answer(write_account(account), status=201)

    async def set_password(self, exchange: Exchange, place: Place) -> Answer:
        """Holds on every worker within a second."""
        password = (await read_body(exchange, "password")).text("password")
        return json_answer(write_account(await self._users.set_password(place.name, password, exchange.caller())))
