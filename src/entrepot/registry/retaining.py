# SPDX-License-Identifier: Apache-2.0
"""A round of retention: judges each repository by its policy, and says or does what follows.

What goes goes as if a user had deleted it: to the trash, into history and events, by the actor ``retention``; an index
keeps its children and a subject its referrers. Each tag is judged once more while its name is held, so that one that
somebody pushes in between stays.
"""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from entrepot.index.ages import AgedTag
from entrepot.index.deeds import Deed
from entrepot.index.facts import Change, Name, TagTruth
from entrepot.index.forecast import Freed
from entrepot.index.index import Index
from entrepot.oci.callers import Caller
from entrepot.oci.digests import Digest
from entrepot.oci.errors import Unavailable
from entrepot.oci.names import RepositoryName
from entrepot.registry.adoption import Rest
from entrepot.registry.names import Names
from entrepot.registry.retention import Judge, Moment, Verdict, find_policy
from entrepot.registry.settings import Policy, RegistrySettings
from entrepot.storage.ports import Storage

ACTOR = "retention"
"""Who did it, in history, trash and events."""

BATCH = 100
"""Names that go in one change: others wait for the index for some milliseconds at most."""

PAGE = 500
"""Rows read from the index at a time."""

COUNTED_SINCE = "pulls counted since"
"""The key of ``kept`` that says since when no pull went uncounted."""


@dataclass(slots=True)
class Tally:
    """What a round did. ``busy``: tags that somebody was just changing; the next round looks at them again."""

    tags: int = 0
    manifests: int = 0
    busy: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """What would go from one repository. ``orphaned``: manifests that lose their last tag by it, and what these alone
    keep alive. ``freed``: what that gives back if nothing else goes.
    """

    repository: RepositoryName
    tags: tuple[Verdict, ...]
    orphaned: frozenset[Digest]
    untagged: frozenset[Digest]
    freed: Freed

    @property
    def manifests(self) -> frozenset[Digest]:
        """All that would go."""
        return self.orphaned | self.untagged


@dataclass(slots=True)
class Retention:
    """One round. The index is complete and was compared with storage since anybody else could write there."""

    storage: Storage
    index: Index
    names: Names
    settings: RegistrySettings
    rest: Rest
    tally: Tally = field(default_factory=Tally)

    async def run(self) -> Tally:
        """Let go what the policies do not keep."""
        moment = await self._moment()
        async for name, policy in self._repositories():
            deed = Deed("delete", Caller(actor=ACTOR), self.settings.trash_age)
            judge = await self._meet(name, policy, moment)
            async for verdicts in self._judged(name, judge):
                for start in range(0, len(verdicts), BATCH):
                    await self._untag(name, judge, verdicts[start : start + BATCH], deed)
                    await self.rest()
            async for digests in self._untagged(name, policy, moment):
                gone = await self.index.untagged.throw(name, digests, moment.now - (policy.untagged or 0), deed)
                self.tally.manifests += len(gone)
        return self.tally

    async def preview(self) -> AsyncIterator[Preview]:
        """What :meth:`run` would let go now, of each repository from which something would."""
        moment = await self._moment()
        async for name, policy in self._repositories():
            judge = await self._meet(name, policy, moment)
            tags = [verdict async for verdicts in self._judged(name, judge) for verdict in verdicts]
            untagged = [digest async for digests in self._untagged(name, policy, moment) for digest in digests]
            if not tags and not untagged:
                continue
            pointing = [(verdict.tag, verdict.digest) for verdict in tags]
            dying = await self.index.forecasts.dying(name, pointing, untagged)
            freed = await self.index.forecasts.weigh({name: dying.orphaned | dying.untagged})
            yield Preview(name, tuple(tags), dying.orphaned, dying.untagged, freed)

    async def _moment(self) -> Moment:
        now = time.time()
        since = await self.index.kept.get(COUNTED_SINCE)
        return Moment(now, now if since is None else float(since))

    async def _repositories(self) -> AsyncIterator[tuple[RepositoryName, Policy]]:
        last = ""
        while names := await self.index.lists.known_repositories(last, PAGE):
            for name in names:
                policy = find_policy(self.settings.retention.policies, name)
                if policy is not None:
                    yield name, policy
                await self.rest()
            last = names[-1]

    async def _meet(self, name: RepositoryName, policy: Policy, moment: Moment) -> Judge:
        judge = Judge(policy, moment)
        async for tags in self._pages(name):
            judge.see(tags)
        return judge

    async def _judged(self, name: RepositoryName, judge: Judge) -> AsyncIterator[list[Verdict]]:
        async for tags in self._pages(name):
            yield judge.judge(tags)

    async def _pages(self, name: RepositoryName) -> AsyncIterator[list[AgedTag]]:
        last = ""
        while tags := await self.index.ages.page(name, last, PAGE):
            yield tags
            last = tags[-1].tag
            await self.rest()

    async def _untag(self, name: RepositoryName, judge: Judge, verdicts: Sequence[Verdict], deed: Deed) -> None:
        tags = [verdict.tag for verdict in verdicts]
        names = tuple(Name("tag", tag) for tag in tags)
        try:
            async with self.names.hold(Change(name, names, removes=True)) as held:
                going = [verdict.tag for verdict in judge.judge(await self.index.ages.some(name, tags))]
                await self.storage.links.remove_tags(name, going)
                held.finish(*(TagTruth(tag, None) for tag in going), deed=deed)
        except Unavailable:
            self.tally.busy += len(tags)
        else:
            self.tally.tags += len(going)

    async def _untagged(self, name: RepositoryName, policy: Policy, moment: Moment) -> AsyncIterator[list[Digest]]:
        """Where the repository holds a manifest that we do not understand, what that needs is not known: none go."""
        if policy.untagged is None or await self.index.garbage.is_opaque(name):
            return
        last = ""
        while page := await self.index.untagged.page(name, moment.now - policy.untagged, last, BATCH):
            yield page
            last = page[-1]
            await self.rest()
