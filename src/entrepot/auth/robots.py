# SPDX-License-Identifier: Apache-2.0
"""Robots: accounts of programs, such as those that build images. Each has a token, which is shown once."""

import contextlib
import time
from collections.abc import Sequence

from entrepot.auth.accounts import Account, Accounts, Tell, read_roles
from entrepot.auth.generated import hash_token, make_token
from entrepot.auth.names import parse_account_name, parse_comment
from entrepot.auth.rules import NewRule, Rules
from entrepot.index.directory import Directory
from entrepot.oci.callers import Caller
from entrepot.oci.errors import RegistryError, RequestInvalid

DAYS = 365
"""For which a token holds where nothing is said."""

MOST_DAYS = 3650


class Robots:
    """Of one registry. ``accounts``: what can be done with robots as with users."""

    def __init__(self, directory: Directory, rules: Rules, tell: Tell) -> None:
        self.accounts = Accounts(directory, "robot", tell)
        self._directory = directory
        self._rules = rules

    async def add(
        self,
        name: str,
        days: float | None,
        grants: Sequence[NewRule],
        roles: Sequence[str],
        comment: str,
        caller: Caller,
    ) -> tuple[Account, str]:
        """The robot and its token, which nobody can find out again. ``days`` None: it holds until it is removed.
        ``grants``: rules for it.

        Raises ``RequestInvalid``, ``AccessConflict`` where the name is taken, ``AccessUnknown`` for a role that is not.
        """
        parsed = parse_account_name(name)
        token, now = make_token(), time.time()
        account = Account(
            parsed,
            "robot",
            hash_token(token),
            comment=parse_comment(comment),
            created_at=now,
            expires_at=find_end(now, days),
            roles=read_roles(roles),
        )
        await self.accounts.add(account, caller)
        try:
            for rule in dict.fromkeys(grants):
                await self._rules.add(f"robot:{parsed}", rule, caller)
        except RegistryError:
            with contextlib.suppress(RegistryError):
                await self.accounts.remove(parsed, caller)  # nobody saw its token
            raise
        return await self.accounts.find(parsed), token

    async def renew(self, name: str, days: float | None, caller: Caller) -> tuple[Account, str]:
        """The robot with a new token, counted from now; the old one holds no longer. Raises ``AccessUnknown``,
        ``RequestInvalid``.
        """
        await self.accounts.find(name)
        token = make_token()
        await self._directory.renew_secret(name, hash_token(token), find_end(time.time(), days))
        self.accounts.tell(name, "token renewed", caller)
        return await self.accounts.find(name), token


def find_end(now: float, days: float | None) -> float | None:
    """When what begins now expires, in Unix seconds. Raises ``RequestInvalid``."""
    if days is None:
        return None
    if not 0 < days <= MOST_DAYS:
        raise RequestInvalid(f"a robot's token holds for more than 0 and at most {MOST_DAYS} days, or for ever")
    return now + days * 86400
