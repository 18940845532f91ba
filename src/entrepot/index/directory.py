# SPDX-License-Identifier: Apache-2.0
"""Accounts, roles and rules: who there is, and what was said about what they may do.

What all of that means is decided in the auth room. Each change is one transaction, durable on return, and changes
:meth:`Directory.version`, by which every process notices within a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from entrepot.index.engine import Engine

ADMINISTRATORS = "administrators"
"""The role that may do everything. Somebody has it always, not locked."""

EVERYONE = "everyone"
"""The role that all have who are signed in."""

ANONYMOUS = "anonymous"
"""The role that everybody has, signed in or not."""

BUILT_IN = (ADMINISTRATORS, ANONYMOUS, EVERYONE)

AccountKind = Literal["user", "robot"]


@dataclass(frozen=True, slots=True)
class Account:
    """A user or a robot; they share one space of names.

    ``secret``: the hash of password or token, "" where there is none. ``epoch``: raised with each new secret, lock and
    unlock; tokens hold for one epoch. Times in Unix seconds; ``expires_at`` None: never, ``used_at`` None: not yet.
    """

    name: str
    kind: AccountKind
    secret: str
    locked: bool = False
    epoch: int = 1
    comment: str = ""
    created_at: float = 0.0
    expires_at: float | None = None
    used_at: float | None = None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """``built_in``: it cannot be removed."""

    name: str
    comment: str = ""
    built_in: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """``subject``: ``role:NAME``, ``user:NAME`` or ``robot:NAME``. ``pattern`` over repository names, see
    ``oci.globs``; ``pattern_id``: of the rows that say what it matches. ``network``: addresses of clients in CIDR form
    or as a glob (``192.168.*``), ``*`` for all. ``actions``: of ``pull``, ``push``, ``delete``.
    """

    id: int
    subject: str
    pattern: str
    pattern_id: int
    network: str
    actions: frozenset[str]
    comment: str = ""


class Directory:
    """Who there is, and what was said about them. All raise ``Unavailable`` where the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def version(self) -> int:
        """Another number after each change. Costs microseconds on SQLite."""
        raise NotImplementedError

    async def account(self, name: str) -> Account | None:
        """The account with its roles, by name; microseconds on SQLite."""
        raise NotImplementedError

    async def accounts(self, kind: AccountKind, last: str, limit: int) -> Sequence[Account]:
        """Accounts of a kind after ``last``, by name, bytewise."""
        raise NotImplementedError

    async def add_account(self, account: Account) -> None:
        """Add an account with its roles. Raises ``AccessConflict`` where the name is taken, ``AccessUnknown`` where a
        role is not there.
        """
        raise NotImplementedError

    async def set_secret(self, name: str, secret: str) -> None:
        """Give a new secret; raises the epoch. Raises ``AccessUnknown``."""
        raise NotImplementedError

    async def replace_secret(self, name: str, old: str, new: str) -> None:
        """The same secret hashed anew: nothing where it is not ``old`` any more; the epoch stays."""
        raise NotImplementedError

    async def set_locked(self, name: str, *, locked: bool) -> None:
        """Lock or unlock; raises the epoch. Raises ``AccessUnknown``, ``AccessConflict`` for the last administrator."""
        raise NotImplementedError

    async def set_comment(self, name: str, comment: str) -> None:
        """Raises ``AccessUnknown``."""
        raise NotImplementedError

    async def remove_account(self, name: str) -> None:
        """Remove it with its own rules. Raises ``AccessUnknown``, ``AccessConflict`` for the last administrator."""
        raise NotImplementedError

    async def give_role(self, name: str, role: str) -> None:
        """Nothing where the account has it. Raises ``AccessUnknown``; ``AccessConflict`` for ``everyone`` and
        ``anonymous``, which nobody is given.
        """
        raise NotImplementedError

    async def take_role(self, name: str, role: str) -> None:
        """Raises ``AccessUnknown`` where the account has it not, ``AccessConflict`` for the last administrator."""
        raise NotImplementedError

    async def count_administrators(self) -> int:
        """Users that have the role, are not locked and have a secret."""
        raise NotImplementedError

    async def note_used(self, moments: Sequence[tuple[str, float]]) -> None:
        """When accounts were last used; changes no version."""
        raise NotImplementedError

    async def roles(self) -> Sequence[Role]:
        """All of them by name, the built-in ones too."""
        raise NotImplementedError

    async def add_role(self, name: str, comment: str) -> None:
        """Raises ``AccessConflict`` where it is there."""
        raise NotImplementedError

    async def remove_role(self, name: str) -> None:
        """Remove it with its rules, and from all who have it. Raises ``AccessUnknown``, ``AccessConflict`` for one that
        is built in.
        """
        raise NotImplementedError

    async def rules(self) -> Sequence[Rule]:
        """All of them, by subject and id."""
        raise NotImplementedError

    async def add_rule(self, subject: str, pattern: str, network: str, actions: frozenset[str], comment: str) -> Rule:
        """Holds on return. Raises ``AccessUnknown`` where there is no such subject, ``AccessConflict`` where the same
        rule is there.

        First the repositories that ``pattern`` matches become rows, 200 in a transaction, then the rule is written: a
        list that is filtered by it is complete from its first moment.
        """
        raise NotImplementedError

    async def remove_rule(self, rule_id: int) -> Rule:
        """The rule that was. Raises ``AccessUnknown``."""
        raise NotImplementedError
