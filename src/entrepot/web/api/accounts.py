# SPDX-License-Identifier: Apache-2.0
"""What ``/api/v1/users`` and ``/api/v1/robots`` have in common."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from entrepot.auth.accounts import Account, Accounts
from entrepot.auth.names import parse_comment
from entrepot.oci.errors import RequestInvalid
from entrepot.web.api.bodies import read_body
from entrepot.web.api.moments import write_moment
from entrepot.web.api.operations import Operation, Place, to_administer
from entrepot.web.api.parameters import SIZE, Schema
from entrepot.web.exchange import Answer, Exchange, json_answer

LONGEST_NAME = 64
"""Characters of an account's name."""


@dataclass(frozen=True, slots=True)
class After:
    """``last``: where a page of accounts begins."""

    name: str = "last"
    description: str = "The `next` of the page before."

    @property
    def schema(self) -> Schema:
        return {"type": "string", "format": "after", "maxLength": LONGEST_NAME}

    def read(self, query: QueryParams) -> str:
        """Where no such account is, what follows its place. Raises ``RequestInvalid``."""
        text = query.get(self.name, "")
        if len(text) > LONGEST_NAME:
            raise RequestInvalid(f"{self.name} is longer than any name; pass on the `next` of the page before")
        return text


LAST = After()


class AccountPages:
    """Accounts of one kind."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._noun = accounts.kind
        self._all = f"/{self._noun}s"
        self._one = f"{self._all}/{{{self._noun}}}"

    @property
    def operations(self) -> Sequence[Operation]:
        """What this answers."""
        noun, one = self._noun, self._one
        title = noun.capitalize()
        return (
            Operation(
                method="GET",
                path=self._all,
                handler=self.list,
                needs=to_administer,
                key=f"list{title}s",
                summary=f"{title}s, by name",
                answer=f"{title}s",
                query=(LAST, SIZE),
            ),
            Operation(
                method="GET",
                path=one,
                handler=self.get,
                needs=to_administer,
                key=f"get{title}",
                summary=f"One {noun}",
                answer="Account",
                refusals=(404,),
            ),
            Operation(
                method="PATCH",
                path=one,
                handler=self.change,
                needs=to_administer,
                key=f"change{title}",
                summary=f"Lock or unlock a {noun}, or say what it is for",
                answer="Account",
                body="AccountChange",
                refusals=(404, 409, 413, 415),
            ),
            Operation(
                method="DELETE",
                path=one,
                handler=self.remove,
                needs=to_administer,
                key=f"remove{title}",
                summary=f"Remove a {noun} with its own rules; answers what was",
                answer="Account",
                refusals=(404, 409),
            ),
            Operation(
                method="POST",
                path=f"{one}/roles",
                handler=self.give_role,
                needs=to_administer,
                key=f"give{title}Role",
                summary=f"Give a {noun} a role",
                answer="Account",
                body="RoleName",
                refusals=(404, 409, 413, 415),
            ),
            Operation(
                method="DELETE",
                path=f"{one}/roles/{{role}}",
                handler=self.take_role,
                needs=to_administer,
                key=f"take{title}Role",
                summary=f"Take a role from a {noun}",
                answer="Account",
                refusals=(404, 409),
            ),
        )

    async def list(self, exchange: Exchange, _place: Place) -> Answer:
        """A page of them."""
        limit = SIZE.read(exchange.query)
        found = await self._accounts.page(LAST.read(exchange.query), limit + 1)
        page = found[:limit]
        following = page[-1].name if len(found) > limit else None
        return json_answer({f"{self._noun}s": [write_account(one) for one in page], "next": following})

    async def get(self, _exchange: Exchange, place: Place) -> Answer:
        """One of them."""
        return _answer(await self._accounts.find(place.name))

    async def change(self, exchange: Exchange, place: Place) -> Answer:
        """First the lock, which alone can be refused."""
        body = await read_body(exchange, "locked", "comment")
        comment = parse_comment(body.text("comment")) if body.has("comment") else None
        if body.has("locked"):
            await self._accounts.set_locked(place.name, locked=body.flag("locked"), caller=exchange.caller())
        if comment is not None:
            await self._accounts.set_comment(place.name, comment, exchange.caller())
        return _answer(await self._accounts.find(place.name))

    async def remove(self, exchange: Exchange, place: Place) -> Answer:
        """Answers what was."""
        return _answer(await self._accounts.remove(place.name, exchange.caller()))

    async def give_role(self, exchange: Exchange, place: Place) -> Answer:
        """Nothing changes where it has the role."""
        role = (await read_body(exchange, "role")).text("role")
        return _answer(await self._accounts.give_role(place.name, role, exchange.caller()))

    async def take_role(self, exchange: Exchange, place: Place) -> Answer:
        """404 where it has it not."""
        return _answer(await self._accounts.take_role(place.name, place.item, exchange.caller()))


def write_account(account: Account) -> dict[str, object]:
    """All but the secret; whether there is one."""
    return {
        "name": account.name,
        "kind": account.kind,
        "locked": account.locked,
        "hasSecret": bool(account.secret),
        "roles": list(account.roles),
        "comment": account.comment,
        "createdAt": write_moment(account.created_at),
        "expiresAt": None if account.expires_at is None else write_moment(account.expires_at),
        "usedAt": None if account.used_at is None else write_moment(account.used_at),
    }


def _answer(account: Account) -> Answer:
    return json_answer(write_account(account))
