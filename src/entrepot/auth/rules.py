# SPDX-License-Identifier: Apache-2.0
"""Rules: who may do what, where, from which addresses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from entrepot.auth.accounts import Tell
from entrepot.auth.names import parse_actions, parse_comment, parse_network, parse_pattern, parse_subject
from entrepot.auth.policy import describe_rule
from entrepot.index.directory import ADMINISTRATORS, ANONYMOUS, EVERYONE, Directory, Rule
from entrepot.oci.callers import Caller
from entrepot.oci.errors import AccessConflict, AccessUnknown

__all__ = ["NewRule", "Rule", "Rules"]

SHORT = {ANONYMOUS: f"role:{ANONYMOUS}", EVERYONE: f"role:{EVERYONE}"}
"""What may be written for a subject."""


@dataclass(frozen=True, slots=True)
class NewRule:
    """A rule that is to be, checked. ``pattern``, ``network`` and ``actions`` as in ``Rule``."""

    pattern: str
    actions: frozenset[str]
    network: str = "*"
    comment: str = ""

    @classmethod
    def parse(cls, pattern: str, actions: str, network: str = "*", comment: str = "") -> Self:
        """Raises ``RequestInvalid`` that says what is wrong."""
        return cls(parse_pattern(pattern), parse_actions(actions), parse_network(network), parse_comment(comment))


class Rules:
    """Of one registry. All raise ``Unavailable`` where the index is away."""

    def __init__(self, directory: Directory, tell: Tell) -> None:
        self._directory = directory
        self._tell = tell

    async def all(self) -> Sequence[Rule]:
        """By subject and id."""
        return await self._directory.rules()

    async def of(self, subject: str) -> Sequence[Rule]:
        """Those of one subject, as :func:`read_subject` takes it. Raises ``RequestInvalid``."""
        wanted = read_subject(subject)
        return [rule for rule in await self._directory.rules() if rule.subject == wanted]

    async def find(self, rule_id: int) -> Rule:
        """Raises ``AccessUnknown``."""
        for rule in await self._directory.rules():
            if rule.id == rule_id:
                return rule
        raise AccessUnknown(f"there is no rule {rule_id}")

    async def add(self, subject: str, new: NewRule, caller: Caller) -> Rule:
        """Holds on return. Raises ``RequestInvalid``; ``AccessUnknown`` where there is no such subject;
        ``AccessConflict`` where the same rule is there, or the subject may do everything anyway.
        """
        of = read_subject(subject)
        if of == f"role:{ADMINISTRATORS}":
            raise AccessConflict(f"{ADMINISTRATORS} may do everything already; a rule would say nothing")
        rule = await self._directory.add_rule(of, new.pattern, new.network, new.actions, new.comment)
        self._tell(caller.actor, caller.address, f"rule {rule.id}: added: {describe_rule(rule)}")
        return rule

    async def remove(self, rule_id: int, caller: Caller) -> Rule:
        """The rule that was. Raises ``AccessUnknown``."""
        rule = await self._directory.remove_rule(rule_id)
        self._tell(caller.actor, caller.address, f"rule {rule.id}: removed: {describe_rule(rule)}")
        return rule


def read_subject(text: str) -> str:
    """``role:NAME``, ``user:NAME``, ``robot:NAME``; ``anonymous`` and ``everyone`` stand for the roles. Raises
    ``RequestInvalid``.
    """
    return parse_subject(SHORT.get(text, text))
