# SPDX-License-Identifier: Apache-2.0
"""Roles: names for rules that several have."""

from collections.abc import Sequence

from entrepot.auth.accounts import Tell
from entrepot.auth.names import parse_comment, parse_role_name
from entrepot.index.directory import Directory, Role
from entrepot.oci.callers import Caller
from entrepot.oci.errors import AccessUnknown

__all__ = ["Role", "Roles"]


class Roles:
    """Of one registry. All raise ``Unavailable`` where the index is away."""

    def __init__(self, directory: Directory, tell: Tell) -> None:
        self._directory = directory
        self._tell = tell

    async def all(self) -> Sequence[Role]:
        """By name, the built-in ones too."""
        return await self._directory.roles()

    async def find(self, name: str) -> Role:
        """Raises ``AccessUnknown``."""
        for role in await self._directory.roles():
            if role.name == name:
                return role
        raise AccessUnknown(f"there is no role {name[:100]!r}")

    async def add(self, name: str, comment: str, caller: Caller) -> Role:
        """A role that may do nothing yet. Raises ``RequestInvalid``, ``AccessConflict`` where it is there."""
        parsed = parse_role_name(name)
        await self._directory.add_role(parsed, parse_comment(comment))
        self._tell(caller.actor, caller.address, f"role {parsed}: added")
        return await self.find(parsed)

    async def remove(self, name: str, caller: Caller) -> Role:
        """Remove it with its rules, and from all who have it; what was. Raises ``AccessUnknown``, ``AccessConflict``
        for one that is built in.
        """
        role = await self.find(name)
        await self._directory.remove_role(name)
        self._tell(caller.actor, caller.address, f"role {name}: removed")
        return role
