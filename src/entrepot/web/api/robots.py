# SPDX-License-Identifier: Apache-2.0
"""``/api/v1/robots``: accounts of programs. A token is answered once, when it is made."""

from collections.abc import Sequence

from entrepot.auth.accounts import Account
from entrepot.auth.robots import DAYS, Robots
from entrepot.web.api.accounts import AccountPages, write_account
from entrepot.web.api.bodies import read_body
from entrepot.web.api.operations import Operation, Place, to_administer
from entrepot.web.api.rules import RULE_KEYS, read_rule
from entrepot.web.exchange import Answer, Exchange, json_answer


class RobotPages:
    """The robots of one registry."""

    def __init__(self, robots: Robots) -> None:
        self._robots = robots

    @property
    def operations(self) -> Sequence[Operation]:
        """What this answers."""
        return (
            *AccountPages(self._robots.accounts).operations,
            Operation(
                method="POST",
                path="/robots",
                handler=self.add,
                needs=to_administer,
                key="addRobot",
                summary="Add a robot; its token is answered here and never again",
                answer="RobotWithToken",
                status=201,
                body="NewRobot",
                refusals=(404, 409, 413, 415),
            ),
            Operation(
                method="POST",
                path="/robots/{robot}/renew",
                handler=self.renew,
                needs=to_administer,
                key="renewRobot",
                summary="Give a robot another token; the old one holds no longer",
                answer="RobotWithToken",
                body="Renewal",
                refusals=(404, 413, 415),
            ),
        )

    async def add(self, exchange: Exchange, _place: Place) -> Answer:
        """409 where the name is taken, 404 where a role is not there."""
        body = await read_body(exchange, "name", "days", "rules", "roles", "comment")
        rules = [read_rule(one) for one in body.objects("rules", *RULE_KEYS)]
        robot, token = await self._robots.add(
            body.text("name"),
            body.days("days", DAYS),
            rules,
            body.texts("roles"),
            body.text("comment", ""),
            exchange.caller(),
        )
        return _answer(robot, token, status=201)

    async def renew(self, exchange: Exchange, place: Place) -> Answer:
        """Counted from now."""
        body = await read_body(exchange, "days")
        robot, token = await self._robots.renew(place.name, body.days("days", DAYS), exchange.caller())
        return _answer(robot, token, status=200)


def _answer(robot: Account, token: str, *, status: int) -> Answer:
    return json_answer({"robot": write_account(robot), "token": token}, status=status)
