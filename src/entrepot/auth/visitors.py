# SPDX-License-Identifier: Apache-2.0
"""Who stands at the gate, once that is known."""

import math
from dataclasses import dataclass

from entrepot.auth.issuing import AccessToken
from entrepot.auth.policy import NOBODY, Person, Policy
from entrepot.index.directory import Account
from entrepot.oci.access import Access


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and with what. ``token``: what it was granted is all they may do; None: whatever their rules allow.
    ``until``: when to look again, in Unix seconds. ``account``: None where they have none.
    """

    person: Person
    account: Account | None = None
    token: AccessToken | None = None
    until: float = math.inf

    @classmethod
    def of(cls, account: Account) -> "Visitor":
        """Whoever has signed in to an account."""
        until = math.inf if account.expires_at is None else account.expires_at
        return cls(Person.of(account), account, None, until)

    def find_rule(self, policy: Policy, address: str, need: Access) -> str | None:
        """What allows it, in words; None where the rules do not, or it is more than their token was granted."""
        if self.token is not None and not self.token.covers(need):
            return None
        return policy.find_rule(self.person, need, address)


STRANGER = Visitor(NOBODY)
"""Somebody without credentials."""
