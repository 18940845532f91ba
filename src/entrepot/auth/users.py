# SPDX-License-Identifier: Apache-2.0
"""Users: people with a password."""

import asyncio
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from entrepot.auth.accounts import Account, Accounts, Tell, read_roles
from entrepot.auth.guard import Guard
from entrepot.auth.names import parse_account_name, parse_comment
from entrepot.auth.passwords import hash_password
from entrepot.index.directory import Directory
from entrepot.oci.callers import Caller
from entrepot.oci.errors import Denied, RequestInvalid

SHORTEST = 8
LONGEST = 1024
"""Bytes of a password in UTF-8. NIST SP 800-63B asks for 8 at least, and for no rules about kinds of characters."""


class Users:
    """Of one registry. ``accounts``: what can be done with users as with robots."""

    def __init__(self, directory: Directory, guard: Guard, tell: Tell) -> None:
        self.accounts = Accounts(directory, "user", tell)
        self._directory = directory
        self._guard = guard
        self._hashing = asyncio.Semaphore(1)

    async def add(self, name: str, password: str | None, roles: Sequence[str], comment: str, caller: Caller) -> Account:
        """Add a user. Without a password nobody signs in with one: for those whom a proxy signs in.

        Raises ``RequestInvalid``, ``AccessConflict`` where the name is taken, ``AccessUnknown`` for a role that is not.
        """
        account = Account(
            parse_account_name(name),
            "user",
            secret="",
            comment=parse_comment(comment),
            created_at=time.time(),
            roles=read_roles(roles),
        )
        if password is not None:
            account = replace(account, secret=await self._hash(name, password))
        return await self.accounts.add(account, caller)

    async def set_password(self, name: str, password: str, caller: Caller) -> Account:
        """From now on only this one; tokens that were given out hold no longer. Raises ``AccessUnknown``,
        ``RequestInvalid``.
        """
        await self.accounts.find(name)
        await self._directory.set_secret(name, await self._hash(name, password))
        self.accounts.tell(name, "password changed", caller)
        return await self.accounts.find(name)

    async def change_password(self, name: str, old: str, new: str, caller: Caller) -> Account:
        """The same for whoever knows the old one. Raises ``Denied``, ``RequestInvalid``, ``TooManyRequests``.

        Wrong ones are slowed as at a login: who found a session open is not to find the password by it.
        """
        account = await self._directory.account(name)
        if account is None or account.kind != "user" or not account.secret:
            raise Denied("you have no password here; a robot's token is renewed by an administrator")
        if not await self._guard.check(name, old, account.secret, caller.address):
            self.accounts.tell(name, "password not changed, the old one given was wrong", caller)
            raise Denied("the old password is wrong")
        if new == old:
            raise RequestInvalid("the new password is the old one")
        return await self.set_password(name, new, caller)

    async def _hash(self, name: str, password: str) -> str:
        """One at a time, in the threads where those who sign in are hashed: each takes 19 MiB and a core for 20 ms."""
        check_password(name, password)
        async with self._hashing:
            return await self._guard.hash(partial(hash_password, password))


def check_password(name: str, password: str) -> None:
    """Raises ``RequestInvalid`` where a password is none that we take; never says what it was."""
    if _holds_controls(password):
        raise RequestInvalid("a password holds no control characters: HTTP cannot carry them (RFC 7617)")
    size = len(password.encode())
    if not SHORTEST <= size <= LONGEST:
        raise RequestInvalid(f"a password has {SHORTEST} to {LONGEST} bytes in UTF-8, this one has {size}")
    if password.casefold() == name.casefold():
        raise RequestInvalid("the password is the user's name; take another")


def _holds_controls(text: str) -> bool:
    """Whether there is something in it that is no text: control characters, or halves of characters."""
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
