# SPDX-License-Identifier: Apache-2.0
"""Finds out whose name and password somebody sends: people's are hashed slowly, robots' tokens are not."""

import time
from collections.abc import Callable
from functools import partial

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
        """Whose they are, where that is known without hashing and the account may be used; else None. As true as the
        book is fresh.
        """
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
        await self._book.refresh()
        known = self.recall(sent)
        if known is not None:
            if known.kind == "robot":
                self._audit.login(known.name, address, "robot")
            return known
        account = await self._book.account(sent.user)
        if not await self._fits(account, sent, address) or account is None:
            self._audit.refused(sent.user, address, "wrong name or password", "")
            raise LoginRefused("the name or the password is wrong")
        account = await self._look_again(account)
        bar = find_bar(account, self._now())
        if bar is not None:
            self._audit.refused(sent.user, address, bar, "")
            raise LoginRefused(bar)
        await self._renew(account, sent.password)
        self._audit.login(account.name, address, "robot" if account.kind == "robot" else "password")
        return account

    async def _fits(self, account: Account | None, sent: Basic, address: str) -> bool:
        """It takes as long whether the account is not there, has no password, or has another one."""
        stored = None if account is None else account.secret or None
        if stored is not None and is_token(stored):
            return verify_token(stored, sent.password) or await self._guard.check(
                sent.user, sent.password, None, address
            )
        return await self._guard.check(sent.user, sent.password, stored, address)

    async def _look_again(self, account: Account) -> Account:
        """Hashing may have taken seconds, in which the account was locked or changed. Raises :class:`LoginRefused`."""
        found = await self._book.account(account.name)
        if found is None or found.secret != account.secret:
            raise LoginRefused("the account was changed just now; log in again")
        return found

    async def _renew(self, account: Account, password: str) -> None:
        """Hash the password anew where that was done with parameters of another day."""
        if is_token(account.secret) or not needs_rehash(account.secret):
            return
        renewed = await self._guard.hash(partial(hash_password, password))
        try:
            await self._directory.replace_secret(account.name, account.secret, renewed)
        except Unavailable:
            return  # the next login does it
