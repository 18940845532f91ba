# SPDX-License-Identifier: Apache-2.0
"""Whom a proxy has signed in (``auth.proxyheader``): their account, or everybody's rights where they have none."""

import time
from collections.abc import Callable

from entrepot.auth.audit import Audit
from entrepot.auth.policy import Book, Person
from entrepot.auth.standing import find_bar
from entrepot.auth.visitors import Visitor
from entrepot.index.directory import Account
from entrepot.oci.errors import Denied


class Proxied:
    """Of one worker. Not to be used by several threads."""

    def __init__(self, book: Book, audit: Audit, now: Callable[[], float] = time.time) -> None:
        self._book = book
        self._audit = audit
        self._now = now

    def recall(self, name: str) -> Visitor | None:
        """From memory; None: not known without waiting, or refused."""
        account = self._book.recall(name)
        return None if account is None or self._find_bar(account) is not None else Visitor.of(account)

    async def find(self, name: str, address: str) -> Visitor:
        """Who it is. Raises ``Denied`` where the account cannot be used, and ``Unavailable``."""
        account = await self._book.account(name)
        if account is None:
            return Visitor(Person.signed_in(name))
        bar = self._find_bar(account)
        if bar is not None:
            self._audit.refused(name, address, bar, "")
            raise Denied(bar)
        return Visitor.of(account)

    def _find_bar(self, account: Account) -> str | None:
        """Names of people are given by whom the proxy asks, and one of them may be that of a robot."""
        if account.kind == "robot":
            return "this is the name of a robot, which signs in with its token alone"
        return find_bar(account, self._now())
