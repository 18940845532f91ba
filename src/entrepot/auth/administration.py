# SPDX-License-Identifier: Apache-2.0
"""All that may be done with accounts and rules, joined of its nouns: commands and the JSON API do it through these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from entrepot.auth.accounts import Tell
from entrepot.auth.explaining import Explainer
from entrepot.auth.guard import Guard
from entrepot.auth.passwords import DUMMY, verify_password
from entrepot.auth.robots import Robots
from entrepot.auth.roles import Roles
from entrepot.auth.rules import Rules
from entrepot.auth.settings import AccountsSettings
from entrepot.auth.users import Users
from entrepot.index.directory import Directory


@dataclass(frozen=True, slots=True)
class Administration:
    """Of one registry. Not to be used by several threads."""

    users: Users
    robots: Robots
    roles: Roles
    rules: Rules
    explainer: Explainer

    async def find_holders(self) -> Mapping[str, Sequence[str]]:
        """By role: the accounts that have it, users first. Raises ``Unavailable``."""
        holders: dict[str, list[str]] = {}
        for accounts in (self.users.accounts, self.robots.accounts):
            for account in await accounts.all():
                for role in account.roles:
                    holders.setdefault(role, []).append(account.name)
        return holders


def join_administration(
    directory: Directory, settings: AccountsSettings, tell: Tell, guard: Guard | None = None
) -> Administration:
    """``tell`` hears of each change. ``guard``: of the worker's gate; None where nobody signs in, as for a command."""
    rules = Rules(directory, tell)
    return Administration(
        users=Users(directory, guard or Guard(verify_password, DUMMY), tell),
        robots=Robots(directory, rules, tell),
        roles=Roles(directory, tell),
        rules=rules,
        explainer=Explainer(directory, settings),
    )
