# SPDX-License-Identifier: Apache-2.0
"""Finds out whose name and password somebody sends: people's are hashed slowly, robots' tokens are not."""

import asyncio
import time
from collections.abc import Callable

from entrepot.auth.audit import Audit
from entrepot.auth.credentials import Basic
from entrepot.auth.generated import is_token, verify_token
from entrepot.auth.guard import Guard
from entrepot.auth.passwords import hash_password, needs_rehash
from entrepot.auth.policy import Book
from entrepot.auth.standing import find_bar
from entrepot.index.directory import Account, Directory
from entrepot.oci.errors import Unavailable


class LoginRefused(Exception):
    """Credentials that are not good; the text says why, for the one who sent them."""


class Logins:
    """Of one worker. Not to be used by several threads."""

    def __init__(
        self,
        directory: Directory,
        book: Book,
        guard: Guard,
        audit: Audit,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._directory = directory
        self._book = book
        self._guard = guard
        self._audit = audit
        self._now = now

    @property
    def guard(self) -> Guard:
        """For whoever checks passwords in this worker besides: hashing is bounded, and failures count, together."""
        return self._guard

    def recall(self, sent: Basic) -> Account | None:
        """Whose they are, where that is known without hashing and the account may be used; else None."""
        account = self._book.recall(sent.user)
        if account is None or find_bar(account, self._now()) is not None:
            return None
        if is_token(account.secret):
            return account if verify_token(account.secret, sent.password) else None
        return account if account.secret and self._guard.recall(sent.user, sent.password, account.secret) else None

    async def check(self, sent: Basic, address: str) -> Account:
        """Whose they are. Raises :class:`LoginRefused`, ``TooManyRequests``, ``Unavailable``.

        A robot's right token is let in at once, whoever guesses beside it; a wrong one costs what a password costs, so
        that nobody learns which names are there.
        """
        known = self.recall(sent)
        if known is not None:
            if known.kind == "robot":
                self._audit.login(known.name, address, "robot")
            return known
        account = await self._book.account(sent.user)
        if account is not None and is_token(account.secret):
            right = verify_token(account.secret, sent.password)
            if not right:
                await self._guard.check(sent.user, sent.password, None, address)
        else:
            stored = account.secret if account is not None and account.secret else None
            right = await self._guard.check(sent.user, sent.password, stored, address)
        if account is None or not right:
            self._audit.refused(sent.user, address, "wrong name or password", "")
            raise LoginRefused("the name or the password is wrong")
        bar = find_bar(account, self._now())
        if bar is not None:
            self._audit.refused(sent.user, address, bar, "")
            raise LoginRefused(bar)
        await self._renew(account, sent.password)
        self._audit.login(account.name, address, "robot" if account.kind == "robot" else "password")
        return account

    async def _renew(self, account: Account, password: str) -> None:
        """Hash the password anew where that was done with parameters of another day."""
        if is_token(account.secret) or not needs_rehash(account.secret):
            return
        renewed = await asyncio.to_thread(hash_password, password)
        try:
            await self._directory.replace_secret(account.name, account.secret, renewed)
        except Unavailable:
            return  # the next login does it
