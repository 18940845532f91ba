# SPDX-License-Identifier: Apache-2.0
"""``/api/v1/account`` and ``/api/v1/repositories/{name}/-/access``: who I am, and why somebody may do something."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from entrepot.auth.administration import Administration
from entrepot.auth.explaining import ANONYMOUS
from entrepot.auth.names import parse_account_name
from entrepot.auth.networks import read_address
from entrepot.oci.access import ACTIONS, DELETE, PULL, PUSH, to_repository
from entrepot.oci.errors import RequestInvalid
from entrepot.web.api.accounts import write_account
from entrepot.web.api.bodies import read_body
from entrepot.web.api.operations import REPOSITORY, Operation, Place, to_administer, to_be_known
from entrepot.web.api.parameters import Schema
from entrepot.web.api.people_schemas import ACCOUNT_SCHEMA
from entrepot.web.api.rules import write_rule
from entrepot.web.exchange import Answer, Exchange, json_answer

NEEDS = {"pull": PULL, "push": PUSH, "delete": DELETE}
"""What must be allowed to who does it: clients that push pull, too."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with a default, read by ``parse``, which raises ``RequestInvalid``."""

    name: str
    description: str
    schema: Schema
    default: str
    parse: Callable[[str], str]

    def read(self, query: QueryParams) -> str:
        """Raises ``RequestInvalid``."""
        return self.parse(query.get(self.name, self.default))


def _parse_action(text: str) -> str:
    if text not in NEEDS:
        raise RequestInvalid(f"action={text[:40]!r} is none; they are {', '.join(NEEDS)}")
    return text


def _parse_address(text: str) -> str:
    if text and read_address(text) is None:
        raise RequestInvalid(f"address={text[:64]!r} is no address; one is 192.0.2.7 or 2001:db8::1")
    return text


ACCOUNT = Word(
    "account",
    "A user or robot; `anonymous` (the default): who has not signed in.",
    {**ACCOUNT_SCHEMA, "default": ANONYMOUS},
    ANONYMOUS,
    parse_account_name,
)
ACTION = Word(
    "action",
    "What they want to do.",
    {"type": "string", "enum": [*ACTIONS], "default": "pull"},
    "pull",
    _parse_action,
)
ADDRESS = Word(
    "address",
    "The address that they come from; without one only rules for all addresses count.",
    {"type": "string", "format": "address", "maxLength": 64, "default": ""},
    "",
    _parse_address,
)


class AccessPages:
    """Questions about access to one registry, and the account of who asks."""

    def __init__(self, administration: Administration) -> None:
        self._explainer = administration.explainer
        self._users = administration.users

    @property
    def operations(self) -> Sequence[Operation]:
        """What this answers."""
        return (
            Operation(
                method="GET",
                path="/account",
                handler=self.get,
                needs=to_be_known,
                key="getAccount",
                summary="Who is asking: roles, and the rules that hold",
                answer="Standing",
            ),
            Operation(
                method="POST",
                path="/account/password",
                handler=self.change_password,
                needs=to_be_known,
                key="changePassword",
                summary="Change one's own password",
                answer="Account",
                body="PasswordChange",
                refusals=(413, 415),
            ),
            Operation(
                method="GET",
                path=f"{REPOSITORY}/-/access",
                handler=self.explain,
                needs=to_administer,
                key="explainAccess",
                summary="Whether somebody may do something with the repository, and why",
                answer="Explanation",
                query=(ACCOUNT, ACTION, ADDRESS),
            ),
        )

    async def get(self, exchange: Exchange, _place: Place) -> Answer:
        """Also for whom a proxy has signed in without an account."""
        standing = await self._explainer.find_standing(exchange.admitted.actor)
        account = None if standing.account is None else write_account(standing.account)
        rules = [write_rule(rule) for rule in standing.rules]
        return json_answer({"name": standing.name, "account": account, "roles": list(standing.roles), "rules": rules})

    async def change_password(self, exchange: Exchange, _place: Place) -> Answer:
        """403 where the old one is wrong, as slow as a login."""
        body = await read_body(exchange, "old", "new")
        account = await self._users.change_password(
            exchange.admitted.actor, body.text("old"), body.text("new"), exchange.caller()
        )
        return json_answer(write_account(account))

    async def explain(self, exchange: Exchange, place: Place) -> Answer:
        """Of repositories that are not there as well."""
        query = exchange.query
        access = to_repository(place.repository, NEEDS[ACTION.read(query)])
        found = await self._explainer.explain(ACCOUNT.read(query), access, ADDRESS.read(query))
        return json_answer({"allowed": found.allowed, "rule": found.rule, "reasons": list(found.reasons)})
