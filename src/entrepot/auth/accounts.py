# SPDX-License-Identifier: Apache-2.0
"""What may be done with accounts of one kind, whether users or robots."""

from collections.abc import Callable, Sequence

from entrepot.auth.names import parse_comment, parse_role_name
from entrepot.index.directory import ANONYMOUS, Account, AccountKind, Directory
from entrepot.oci.callers import Caller
from entrepot.oci.errors import AccessConflict, AccessUnknown

__all__ = ["Account", "Accounts", "Tell", "read_roles"]

Tell = Callable[[str, str, str], None]
"""Told of each change: who made it, from which address, and what it was, in words and without a secret."""

PAGE = 500
"""Accounts that are read at once."""


class Accounts:
    """Those of one kind. All raise ``Unavailable`` where the index is away."""

    def __init__(self, directory: Directory, kind: AccountKind, tell: Tell) -> None:
        self._directory = directory
        self._kind = kind
        self._tell = tell

    @property
    def kind(self) -> AccountKind:
        """What they are."""
        return self._kind

    async def page(self, last: str, limit: int) -> Sequence[Account]:
        """Those after ``last``, by name, bytewise."""
        return await self._directory.accounts(self._kind, last, limit)

    async def all(self) -> Sequence[Account]:
        """Every one of them, by name."""
        found: list[Account] = []
        while page := await self.page(found[-1].name if found else "", PAGE):
            found += page
        return found

    async def find(self, name: str) -> Account:
        """Raises ``AccessUnknown``, also where the name is that of the other kind."""
        account = await self._directory.account(name)
        if account is None:
            raise AccessUnknown(f"there is no {self._kind} {name[:100]!r}")
        if account.kind != self._kind:
            raise AccessUnknown(f"{name!r} is a {account.kind}, not a {self._kind}")
        return account

    async def add(self, account: Account, caller: Caller) -> Account:
        """Add an account. Raises ``AccessConflict`` where the name is taken, by a user or a robot; ``AccessUnknown``
        where a role is not there.
        """
        if account.name == ANONYMOUS:
            raise AccessConflict(f"{ANONYMOUS!r} stands for who has not signed in; take another name")
        await self._directory.add_account(account)
        roles = f" with {', '.join(account.roles)}" if account.roles else ""
        self.tell(account.name, f"added{roles}", caller)
        return await self.find(account.name)

    async def set_locked(self, name: str, *, locked: bool, caller: Caller) -> Account:
        """Lock or unlock: tokens that were given out hold no longer. Raises ``AccessUnknown``, ``AccessConflict`` for
        the last administrator.
        """
        account = await self.find(name)
        if account.locked != locked:
            await self._directory.set_locked(name, locked=locked)
            self.tell(name, "locked" if locked else "unlocked", caller)
        return await self.find(name)

    async def set_comment(self, name: str, comment: str, caller: Caller) -> Account:
        """Raises ``AccessUnknown``, ``RequestInvalid``."""
        await self.find(name)
        await self._directory.set_comment(name, parse_comment(comment))
        self.tell(name, "comment changed", caller)
        return await self.find(name)

    async def remove(self, name: str, caller: Caller) -> Account:
        """Remove it with its own rules; what was. Raises ``AccessUnknown``, ``AccessConflict`` for the last
        administrator.
        """
        account = await self.find(name)
        await self._directory.remove_account(name)
        self.tell(name, "removed", caller)
        return account

    async def give_role(self, name: str, role: str, caller: Caller) -> Account:
        """Nothing where it has it. Raises ``AccessUnknown``; ``AccessConflict`` for a role that nobody is given."""
        account = await self.find(name)
        if parse_role_name(role) not in account.roles:
            await self._directory.give_role(name, role)
            self.tell(name, f"given the role {role}", caller)
        return await self.find(name)

    async def take_role(self, name: str, role: str, caller: Caller) -> Account:
        """Raises ``RequestInvalid``, ``AccessUnknown`` where it has it not, ``AccessConflict`` for the last
        administrator.
        """
        await self.find(name)
        await self._directory.take_role(name, parse_role_name(role))
        self.tell(name, f"lost the role {role}", caller)
        return await self.find(name)

    def tell(self, name: str, what: str, caller: Caller) -> None:
        """Tell of a change of one of them."""
        self._tell(caller.actor, caller.address, f"{self._kind} {name}: {what}")


def read_roles(names: Sequence[str]) -> tuple[str, ...]:
    """Each once. Raises ``RequestInvalid``."""
    return tuple(dict.fromkeys(map(parse_role_name, names)))
