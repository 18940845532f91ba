# SPDX-License-Identifier: Apache-2.0
"""What somebody may do: rules of all who they are, united. Deny by default; no rule takes anything away."""

from collections.abc import Sequence
from dataclasses import dataclass

from entrepot.index.directory import Account, Directory, Rule
from entrepot.index.sight import Sight
from entrepot.oci.access import Access

FRESH = 0.5
"""Seconds for which what was read of accounts and rules is believed."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks. ``subjects``: of whom rules speak that hold for them, as in ``Rule.subject``; the roles are among them,
    ``role:anonymous`` always, ``role:everyone`` for who is signed in.
    """

    name: str
    subjects: frozenset[str]

    @classmethod
    def of(cls, account: Account) -> "Person":
        """Whose account it is."""
        raise NotImplementedError

    @classmethod
    def signed_in(cls, name: str) -> "Person":
        """Somebody without an account whom a proxy has signed in."""
        raise NotImplementedError


NOBODY = Person("", frozenset({"role:anonymous"}))


class Policy:
    """All rules of one moment; never changes."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        raise NotImplementedError

    def find_rule(self, person: Person, access: Access, address: str) -> str | None:
        """The rules in words that together allow all of ``access`` from ``address``; None where they do not.

        ``*`` asks for all three actions. ``registry:catalog`` is allowed to who may pull anything at all;
        ``registry:administration`` to administrators, who may do everything.
        """
        raise NotImplementedError

    def find_permitted(self, person: Person, access: Access, address: str) -> frozenset[str]:
        """The actions of ``access`` that are allowed. Of ``*`` those of the three that are, and it itself with all."""
        raise NotImplementedError

    def find_sight(self, person: Person, address: str) -> Sight:
        """Which repositories they see: those that they may pull from."""
        raise NotImplementedError


class Book:
    """Accounts and policy as they were at most :data:`FRESH` ago. For one worker; not to be used by several threads."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    @property
    def fresh(self) -> bool:
        """Whether :attr:`policy` and :meth:`recall` can be believed without reading."""
        raise NotImplementedError

    @property
    def version(self) -> int:
        """Of what was last read; for caches."""
        raise NotImplementedError

    @property
    def policy(self) -> Policy:
        """As last read."""
        raise NotImplementedError

    def recall(self, name: str) -> Account | None:
        """The account, where it was asked for since the last change."""
        raise NotImplementedError

    async def refresh(self) -> Policy:
        """Read what has changed, unless it is fresh. Raises ``Unavailable``."""
        raise NotImplementedError

    async def account(self, name: str) -> Account | None:
        """The account as it is now, or was at most :data:`FRESH` ago."""
        raise NotImplementedError
