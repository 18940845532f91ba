# SPDX-License-Identifier: Apache-2.0
"""Why somebody may do something or may not, and what holds for them. The policy alone judges: what nearly matches is
found by asking it again about a rule with one part of it changed.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from entrepot.auth.policy import NOBODY, Person, Policy, describe_rule
from entrepot.auth.settings import AccountsSettings
from entrepot.index.directory import ANONYMOUS, Account, Directory, Rule
from entrepot.oci.access import Access, write_actions

__all__ = ["ANONYMOUS", "Explainer", "Explanation", "Standing"]

MOST = 10
"""Rules that nearly match, told at most."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """``rule``: what allows it, in words, "" where nothing does. ``reasons``: why not, and which rules nearly match."""

    allowed: bool
    rule: str = ""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Who somebody is. ``account``: None for whom a proxy has signed in without one. ``rules``: those that hold."""

    name: str
    account: Account | None
    roles: tuple[str, ...]
    rules: tuple[Rule, ...]


class Explainer:
    """Of one registry."""

    def __init__(self, directory: Directory, settings: AccountsSettings) -> None:
        self._directory = directory
        self._proxied = bool(settings.proxyheader)

    async def explain(self, name: str, access: Access, address: str) -> Explanation:
        """Whether ``name`` (``anonymous``: who has not signed in) may do this from ``address``. Raises
        ``Unavailable``.
        """
        account = None if name == ANONYMOUS else await self._directory.account(name)
        if name != ANONYMOUS and (hindrance := self._find_hindrance(name, account)):
            return Explanation(allowed=False, reasons=(hindrance,))
        person = NOBODY if name == ANONYMOUS else Person.signed_in(name) if account is None else Person.of(account)
        rules = await self._directory.rules()
        policy = Policy(rules)
        rule = policy.find_rule(person, access, address)
        if rule is not None:
            return Explanation(allowed=True, rule=rule)
        missing = access.actions - policy.find_permitted(person, access, address)
        return Explanation(allowed=False, reasons=tuple(_find_reasons(rules, person, access, missing, address)))

    async def find_standing(self, name: str) -> Standing:
        """Of who has signed in as ``name``; "" has a token that was given to nobody. Raises ``Unavailable``."""
        account = await self._directory.account(name) if name else None
        stranger = Person.signed_in(name) if name else NOBODY
        person = stranger if account is None else Person.of(account)
        rules = tuple(rule for rule in await self._directory.rules() if rule.subject in person.subjects)
        roles = sorted(of.removeprefix("role:") for of in person.subjects if of.startswith("role:"))
        return Standing(name, account, tuple(roles), rules)

    def _find_hindrance(self, name: str, account: Account | None) -> str:
        """Why they cannot even sign in; "" where they can."""
        if account is None:
            return "" if self._proxied else f"there is no account {name[:100]!r}"
        if account.locked:
            return f"the {account.kind} {name} is locked"
        if account.expires_at is not None and account.expires_at <= time.time():
            return f"the token of the {account.kind} {name} has expired; entrepot robot renew {name} makes another"
        if not account.secret and not self._proxied:
            return f"the {account.kind} {name} has no password; entrepot user password {name} sets one"
        return ""


def _find_reasons(
    rules: Sequence[Rule], person: Person, access: Access, missing: frozenset[str], address: str
) -> Iterator[str]:
    yield f"no rule allows {write_actions(missing)}"
    own_first = sorted(rules, key=lambda rule: rule.subject not in person.subjects)
    found = [near for rule in own_first if (near := _explain_near(rule, person, access, missing, address))]
    yield from found[:MOST]
    if len(found) > MOST:
        yield f"and {len(found) - MOST} more rules that nearly match"


def _explain_near(rule: Rule, person: Person, access: Access, missing: frozenset[str], address: str) -> str:
    """What keeps a rule from allowing something of what is missing, where it is one thing alone; else ""."""

    def gives(changed: Rule) -> bool:
        return bool(Policy([changed]).find_permitted(person, access, address) & missing)

    said = f"rule {rule.id} ({describe_rule(rule)})"
    if gives(replace(rule, network="*")):
        return f"{said} does not hold from {address or 'an address that is not known'}"
    if gives(replace(rule, actions=rule.actions | missing)):
        return f"{said} does not allow {write_actions(missing)}"
    if rule.subject.startswith("role:") and gives(replace(rule, subject=f"role:{ANONYMOUS}")):
        return f"{said} would allow it to those who have the role, but not to {person.name or 'who has not signed in'}"
    if "*" in rule.pattern and gives(replace(rule, pattern=f"{rule.pattern.rstrip('*')}**")):
        return f"{said} does not match {access.name}: * ends at the next /, ** does not"
    return ""
