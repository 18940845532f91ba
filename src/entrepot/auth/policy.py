# SPDX-License-Identifier: Apache-2.0
"""What somebody may do: rules of all who they are, united. Deny by default; no rule takes anything away."""

import asyncio
import math
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from entrepot.auth.names import ANYWHERE
from entrepot.auth.networks import Network, read_address
from entrepot.index.directory import ADMINISTRATORS, ANONYMOUS, EVERYONE, Account, Directory, Rule
from entrepot.index.sight import EVERYTHING, Sight
from entrepot.oci.access import ACTIONS, ADMINISTRATION, ALL, CATALOG, REGISTRY, REPOSITORY, Access, write_actions
from entrepot.oci.globs import Globs, matches_everything

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

FRESH = 0.5
"""Seconds for which what was read of accounts and rules is believed."""

MOST = 4096
"""Decisions, and accounts, that are remembered; then all are forgotten."""

EVERY_ACTION = frozenset(ACTIONS)

_ON_REGISTRY = {CATALOG.name: frozenset({"*", "search"}), ADMINISTRATION.name: ALL}


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
        roles = {f"role:{role}" for role in (*account.roles, EVERYONE, ANONYMOUS)}
        return cls(account.name, frozenset({f"{account.kind}:{account.name}", *roles}))

    @classmethod
    def signed_in(cls, name: str) -> "Person":
        """Somebody without an account whom a proxy has signed in."""
        return cls(name, frozenset({f"role:{EVERYONE}", f"role:{ANONYMOUS}"}))


NOBODY = Person("", frozenset({f"role:{ANONYMOUS}"}))

_ADMINISTRATORS = f"role:{ADMINISTRATORS}"


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A rule, ready to be asked."""

    rule: Rule
    names: Globs
    network: Network
    words: str


class Policy:
    """All rules of one moment; never changes. Not to be used by several threads: it remembers decisions."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._of: dict[str, list[_Spoken]] = {}
        for rule in rules:
            spoken = _Spoken(rule, Globs([rule.pattern]), Network.of(rule.network), describe_rule(rule))
            self._of.setdefault(rule.subject, []).append(spoken)
        self._decisions: dict[tuple[frozenset[str], Access, str], str | None] = {}
        self._holding: dict[tuple[frozenset[str], str], Sequence[_Spoken]] = {}
        self._sights: dict[tuple[frozenset[str], str], Sight] = {}

    def find_rule(self, person: Person, access: Access, address: str) -> str | None:
        """The rules in words that together allow all of ``access`` from ``address``; None where they do not.

        ``*`` asks for all three actions. ``registry:catalog`` is allowed to who may pull anything at all;
        ``registry:administration`` to administrators, who may do everything.
        """
        key = (person.subjects, access, address)
        return _remember(self._decisions, key, lambda: self._decide(person, access, address))

    def find_permitted(self, person: Person, access: Access, address: str) -> frozenset[str]:
        """The actions of ``access`` that are allowed. Of ``*`` those of the three, and ``*`` itself with all three."""
        every = access.kind == REPOSITORY and "*" in access.actions
        single = (access.actions | EVERY_ACTION if every else access.actions) & _known_actions(access)
        return frozenset(
            action
            for action in single
            if self.find_rule(person, Access(access.kind, access.name, frozenset({action})), address) is not None
        )

    def find_sight(self, person: Person, address: str) -> Sight:
        """Which repositories they see: those that they may pull from. Administrators see the audit, too; who has not
        said who they are sees no names of others.
        """
        return _remember(self._sights, (person.subjects, address), lambda: self._look(person, address))

    def _decide(self, person: Person, access: Access, address: str) -> str | None:
        if not access.actions or not access.actions <= _known_actions(access):
            return None
        if _ADMINISTRATORS in person.subjects:
            return f"role {ADMINISTRATORS}"
        holding = self._find_holding(person, address)
        if access.kind == REPOSITORY:
            wanted = EVERY_ACTION if "*" in access.actions else access.actions
            asked = (spoken for spoken in holding if not wanted.isdisjoint(spoken.rule.actions))
            return _combine(wanted, [spoken for spoken in asked if spoken.names.match(access.name)])
        if access.name == CATALOG.name:
            return next((spoken.words for spoken in holding if "pull" in spoken.rule.actions), None)
        return None

    def _look(self, person: Person, address: str) -> Sight:
        if _ADMINISTRATORS in person.subjects:
            return EVERYTHING
        seen = [spoken.rule for spoken in self._find_holding(person, address) if "pull" in spoken.rule.actions]
        if any(matches_everything(rule.pattern) for rule in seen):
            return Sight(None, actors=bool(person.name))
        return Sight(frozenset(rule.pattern_id for rule in seen), actors=bool(person.name))

    def _find_holding(self, person: Person, address: str) -> Sequence[_Spoken]:
        """Rules that speak of the person and hold where they are; those for one account come first."""

        def find() -> Sequence[_Spoken]:
            place = read_address(address)
            every = (spoken for subject in sorted(person.subjects, key=_rank) for spoken in self._of.get(subject, ()))
            return [spoken for spoken in every if spoken.network.holds(place)]

        return _remember(self._holding, (person.subjects, address), find)


class Book:
    """Accounts and policy as they were at most :data:`FRESH` ago. For one worker; not to be used by several threads."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._reading = asyncio.Lock()
        self._policy = Policy(())
        self._version = -1
        self._read_at = -math.inf
        self._accounts: dict[str, Account] = {}

    @property
    def fresh(self) -> bool:
        """Whether :attr:`policy` and :meth:`recall` can be believed without reading."""
        return time.monotonic() - self._read_at < FRESH

    @property
    def version(self) -> int:
        """Of what was last read; for caches."""
        return self._version

    @property
    def policy(self) -> Policy:
        """As last read."""
        return self._policy

    def recall(self, name: str) -> Account | None:
        """The account, where it was asked for since the last change."""
        return self._accounts.get(name)

    async def refresh(self) -> Policy:
        """Read what has changed, unless it is fresh. Raises ``Unavailable``."""
        if not self.fresh:
            async with self._reading:
                if not self.fresh:  # nobody has read while we waited
                    await self._read()
        return self._policy

    async def renew(self) -> bool:
        """Read what has changed in this moment; whether anything has. Before somebody is refused: what allows them may
        have been said on another worker just now. Raises ``Unavailable``.
        """
        before = self._version
        async with self._reading:
            await self._read()
        return self._version != before

    async def account(self, name: str) -> Account | None:
        """The account as it is now, or was at most :data:`FRESH` ago."""
        await self.refresh()
        version = self._version
        found = self._accounts.get(name) or await self._directory.account(name)
        if found is not None and version == self._version:  # else it may be older than what was read meanwhile
            if len(self._accounts) >= MOST:
                self._accounts.clear()
            self._accounts[name] = found
        return found

    async def _read(self) -> None:
        began = time.monotonic()
        version = await self._directory.version()
        if version != self._version:
            self._policy = Policy(await self._directory.rules())
            self._accounts.clear()
            self._version = version
        self._read_at = began


def _remember(known: dict[Key, Found], key: Key, find: Callable[[], Found]) -> Found:
    """What was found for ``key`` before, or is now; :data:`MOST` at once."""
    if key not in known:
        if len(known) >= MOST:
            known.clear()
        known[key] = find()
    return known[key]


def describe_rule(rule: Rule) -> str:
    """A rule in words: ``role developers: team/** pull,push``, and from where, unless that is everywhere."""
    where = "" if rule.network == ANYWHERE else f" from {rule.network}"
    return f"{rule.subject.replace(':', ' ', 1)}: {rule.pattern} {write_actions(rule.actions)}{where}"


def _combine(wanted: frozenset[str], matching: Sequence[_Spoken]) -> str | None:
    """The first rule that allows all, else the first ones that do together."""
    for spoken in matching:
        if wanted <= spoken.rule.actions:
            return spoken.words
    missing, words = wanted, []
    for spoken in matching:
        if missing & spoken.rule.actions:
            missing -= spoken.rule.actions
            words.append(spoken.words)
    return None if missing else "; ".join(words)


def _known_actions(access: Access) -> frozenset[str]:
    if access.kind == REPOSITORY:
        return EVERY_ACTION | ALL
    return _ON_REGISTRY.get(access.name, frozenset()) if access.kind == REGISTRY else frozenset()


def _rank(subject: str) -> tuple[int, str]:
    """Rules for one account come before those of roles, and those of everybody last."""
    built_in = {f"role:{EVERYONE}": 2, f"role:{ANONYMOUS}": 3}
    return built_in.get(subject, int(subject.startswith("role:"))), subject
