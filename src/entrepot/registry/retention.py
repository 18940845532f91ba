# SPDX-License-Identifier: Apache-2.0
"""Judges which tags a policy lets go. No I/O: tags and a moment in, verdicts out.

A tag stays where any keep rule holds it. Of the others, with ``drop.notpulled`` those go that were neither pulled nor
pushed for so long; without it, those that ``keep.newest`` or ``keep.younger`` does not keep.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from entrepot.index.ages import AgedTag
from entrepot.oci.digests import Digest
from entrepot.oci.globs import Globs
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.settings import Policy

Rule = Literal["notpulled", "newest", "younger", "newest and younger"]
"""What lets a tag go: the drop rule, or the keep rules that do not hold it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """``now``, and since when every pull is counted; Unix seconds. Nothing counts as unused since before that."""

    now: float
    counted_since: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A tag that goes, what it points to, and why."""

    tag: Tag
    digest: Digest
    rule: Rule


class Judge:
    """Judges the tags of one repository. Each must have been seen before any is judged: the newest are among all."""

    def __init__(self, policy: Policy, moment: Moment) -> None:
        self._policy = policy
        self._moment = moment
        self._matching = Globs(policy.matching)
        self._rule = _rule(policy)
        self._newest: list[float] = []

    def see(self, tags: Iterable[AgedTag]) -> None:
        """Remember when the newest were pushed; those that ``keep.matching`` holds are not among them."""
        for tag in tags if self._policy.newest is not None else ():
            if tag.pushed and not self._matching.match(tag.tag):
                heapq.heappush(self._newest, tag.moved_at)
                if len(self._newest) > (self._policy.newest or 0):
                    heapq.heappop(self._newest)

    def judge(self, tags: Iterable[AgedTag]) -> list[Verdict]:
        """Those that go."""
        rule = self._rule
        if rule is None:
            return []
        return [Verdict(tag.tag, tag.digest, rule) for tag in tags if self._unused(tag) and not self._holds(tag)]

    def _unused(self, tag: AgedTag) -> bool:
        limit = self._policy.notpulled
        if limit is None:
            return True
        last = max(tag.moved_at, tag.pulled_at or 0.0, self._moment.counted_since)
        return self._moment.now - last >= limit

    def _holds(self, tag: AgedTag) -> bool:
        """Whether a keep rule does."""
        policy = self._policy
        if policy.younger is not None and self._moment.now - tag.moved_at < policy.younger:
            return True
        return (policy.newest is not None and self._is_new(tag, policy.newest)) or self._matching.match(tag.tag)

    def _is_new(self, tag: AgedTag, wanted: int) -> bool:
        """Whether fewer than so many were pushed later. Those whose push nobody saw, adopted or restored, push none
        out: in which order they came is not known.
        """
        return len(self._newest) < wanted or tag.moved_at >= self._newest[0]


def find_policy(policies: Sequence[Policy], name: RepositoryName) -> Policy | None:
    """The first that is for this repository."""
    return next((policy for policy in policies if Globs(policy.repositories).match(name)), None)


def _rule(policy: Policy) -> Rule | None:
    if policy.notpulled is not None:
        return "notpulled"
    match policy.newest, policy.younger:
        case None, None:
            return None
        case _, None:
            return "newest"
        case None, _:
            return "younger"
    return "newest and younger"
