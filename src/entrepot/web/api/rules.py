# SPDX-License-Identifier: Apache-2.0
"""``/api/v1/rules``: who may do what, where, from which addresses."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import QueryParams

from entrepot.auth.rules import NewRule, Rule, Rules
from entrepot.oci.access import ACTIONS
from entrepot.oci.errors import AccessUnknown
from entrepot.web.api.bodies import Body, read_body
from entrepot.web.api.operations import Operation, Place, to_administer
from entrepot.web.api.parameters import Schema, parse_number
from entrepot.web.api.people_schemas import SUBJECT_SCHEMA
from entrepot.web.exchange import Answer, Exchange, json_answer

RULE_KEYS = ("pattern", "actions", "network", "comment")
"""What a rule says, but of whom."""


@dataclass(frozen=True, slots=True)
class SubjectText:
    """``subject``: whose rules."""

    name: str = "subject"
    description: str = "Only rules of this one."

    @property
    def schema(self) -> Schema:
        return SUBJECT_SCHEMA

    def read(self, query: QueryParams) -> str | None:
        """None where it is absent; checked where it is used."""
        return query.get(self.name)


SUBJECT = SubjectText()


class RulePages:
    """The rules of one registry."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    @property
    def operations(self) -> Sequence[Operation]:
        """What this answers."""
        return (
            Operation(
                method="GET",
                path="/rules",
                handler=self.list,
                needs=to_administer,
                key="listRules",
                summary="All rules, by subject and number",
                answer="Rules",
                query=(SUBJECT,),
            ),
            Operation(
                method="POST",
                path="/rules",
                handler=self.add,
                needs=to_administer,
                key="addRule",
                summary="Add a rule; it holds on answer",
                answer="Rule",
                status=201,
                body="NewRule",
                refusals=(404, 409, 413, 415),
            ),
            Operation(
                method="GET",
                path="/rules/{rule}",
                handler=self.get,
                needs=to_administer,
                key="getRule",
                summary="One rule",
                answer="Rule",
                refusals=(404,),
            ),
            Operation(
                method="DELETE",
                path="/rules/{rule}",
                handler=self.remove,
                needs=to_administer,
                key="removeRule",
                summary="Remove a rule; answers what was",
                answer="Rule",
                refusals=(404,),
            ),
        )

    async def list(self, exchange: Exchange, _place: Place) -> Answer:
        """As many as there are: rules are written by people."""
        subject = SUBJECT.read(exchange.query)
        found = await (self._rules.all() if subject is None else self._rules.of(subject))
        return json_answer({"rules": [write_rule(rule) for rule in found]})

    async def add(self, exchange: Exchange, _place: Place) -> Answer:
        """404 where there is no such subject, 409 where the same rule is there."""
        body = await read_body(exchange, "subject", *RULE_KEYS)
        rule = await self._rules.add(body.text("subject"), read_rule(body), exchange.caller())
        return json_answer(write_rule(rule), status=201)

    async def get(self, _exchange: Exchange, place: Place) -> Answer:
        """One of them."""
        return json_answer(write_rule(await self._rules.find(_number(place))))

    async def remove(self, exchange: Exchange, place: Place) -> Answer:
        """Answers what was."""
        return json_answer(write_rule(await self._rules.remove(_number(place), exchange.caller())))


def read_rule(body: Body) -> NewRule:
    """Raises ``RequestInvalid``."""
    return NewRule.parse(
        body.text("pattern"), ",".join(body.texts("actions")), body.text("network", "*"), body.text("comment", "")
    )


def write_rule(rule: Rule) -> dict[str, object]:
    """As the API writes it."""
    return {
        "id": rule.id,
        "subject": rule.subject,
        "pattern": rule.pattern,
        "actions": [action for action in ACTIONS if action in rule.actions],
        "network": rule.network,
        "comment": rule.comment,
    }


def _number(place: Place) -> int:
    number = parse_number(place.name, 18)
    if number is None:
        raise AccessUnknown(f"there is no rule {place.name[:40]!r}; rules have numbers")
    return number
