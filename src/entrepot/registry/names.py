# SPDX-License-Identifier: Apache-2.0
"""Holding names while they change, and settling those that nobody holds any more.

Order everywhere: intent → storage → facts (design: "Intent, truth, facts; bytes last"). Whatever goes wrong between,
the name is read in storage again and the index told what is there.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence

from entrepot.index.changes import NameBusy
from entrepot.index.deeds import Deed
from entrepot.index.facts import Change, Name, OpenIntent, TagTruth, Truth
from entrepot.index.index import Index
from entrepot.oci.digests import Digest
from entrepot.oci.errors import RegistryError, Unavailable
from entrepot.oci.names import RepositoryName, Tag
from entrepot.registry.truths import read_truth
from entrepot.storage.ports import Storage
from entrepot.storage.threads import finish

PATIENCE = 10.0
"""Seconds to wait for a name before 503."""


class Held:
    """Names that are ours to change. Whoever enters ends with :meth:`finish`; else they are settled from storage."""

    def __init__(self, repository: RepositoryName, identity: str) -> None:
        self.repository = repository
        self.identity = identity
        self.truths: Sequence[Truth] = ()
        self.deed: Deed | None = None
        self.finished = False

    def finish(self, *truths: Truth, deed: Deed | None = None) -> None:
        """Storage is changed; record this on leaving, and who did it. Without truths: nothing was changed after all."""
        self.truths = truths
        self.deed = deed
        self.finished = True


class Names:
    """Locks on names, for one process."""

    def __init__(self, storage: Storage, index: Index) -> None:
        self._storage = storage
        self._index = index

    @contextlib.asynccontextmanager
    async def hold(self, change: Change, deed: Deed | None = None) -> AsyncIterator[Held]:
        """Wait for the names and hold them. Raises ``PinsMissing``, or ``Unavailable`` after :data:`PATIENCE`.

        ``deed``: of a removal, for who may have to settle it.
        """
        held = Held(change.repository, await self._begin(change, deed))
        try:
            yield held
        finally:
            await finish(asyncio.ensure_future(self._end(change, held)))

    async def wait(self, busy: NameBusy, deadline: float, attempt: int) -> None:
        """After ``busy``: settle what the dead hold, or give the living a moment. ``deadline``: monotonic seconds."""
        if time.monotonic() > deadline:
            raise Unavailable("another change of the same name does not end; try again", retry_after=5)
        if all(self._index.holder.lives(holder) for holder in busy.holders):
            await asyncio.sleep(min(0.001 * 2**attempt, 0.05))
        else:
            await self.settle_dead()

    async def repair(self, repository: RepositoryName, names: Sequence[Name]) -> None:
        """Tell the index what storage says of ``names``; before a tag, of the manifest that it points to."""
        for name in names:
            if name.kind == "tag":
                digest = await self._storage.links.read_tag(repository, Tag(name.name))
                if digest is not None and await self._index.lookups.manifest_by_digest(repository, digest) is None:
                    await self.repair(repository, (Name("manifest", digest),))
            async with self._sharing(name), self.hold(Change(repository, (name,))) as held:
                held.finish(await read_truth(self._storage, repository, name))

    @contextlib.asynccontextmanager
    async def _sharing(self, name: Name) -> AsyncIterator[None]:
        """Whoever asked goes on to trust that the bytes are there: a collector must not be about to remove them."""
        if name.kind == "tag":
            yield
            return
        async with self._storage.locks.share(Digest(name.name)):
            yield

    async def repair_many(self, repository: RepositoryName, names: Sequence[Name]) -> None:
        """The same for many names of one kind in two transactions; a tag counts where the index knows its manifest."""
        async with self.hold(Change(repository, tuple(names))) as held:
            held.finish(*[await self._read(repository, name) for name in names])

    async def settle_dead(self) -> int:
        """Settle every change whose holder is gone; returns how many names.

        Each is taken over first, so that only one settles it: a second one, slower, could remove what was pushed after
        the first had freed the name (seen).
        """
        dead = [intent for intent in await self._index.changes.list_open() if not self._lives(intent)]
        by_change: dict[tuple[RepositoryName, str, str], list[Name]] = {}
        for intent in dead:
            by_change.setdefault((intent.repository, intent.change, intent.holder), []).append(intent.name)
        settled = 0
        for (repository, identity, holder), names in by_change.items():
            taking = asyncio.ensure_future(self._take_over(repository, identity, holder, names))
            await finish(taking)
            settled += taking.result()
        return settled

    async def _take_over(self, repository: RepositoryName, identity: str, holder: str, names: Sequence[Name]) -> int:
        if not await self._index.changes.take_over(identity, holder):
            return 0
        async with self._abandoning(identity):
            await self._settle(repository, identity, names)
        return len(names)

    async def _read(self, repository: RepositoryName, name: Name) -> Truth:
        """A tag's manifest was read and recorded before: reading it again for each of its tags would cost most."""
        if name.kind != "tag":
            return await read_truth(self._storage, repository, name)
        tag = Tag(name.name)
        digest = await self._storage.links.read_tag(repository, tag)
        known = digest is not None and await self._index.lookups.manifest_by_digest(repository, digest) is not None
        return TagTruth(tag, digest if known else None)

    def _lives(self, intent: OpenIntent) -> bool:
        return self._index.holder.lives(intent.holder)

    async def _begin(self, change: Change, deed: Deed | None) -> str:
        deadline = time.monotonic() + PATIENCE
        attempt = 0
        while True:
            try:
                return await self._index.changes.begin(change, deed)
            except NameBusy as busy:
                await self.wait(busy, deadline, attempt)
                attempt += 1

    async def _end(self, change: Change, held: Held) -> None:
        async with self._abandoning(held.identity):
            if held.finished:
                await self._index.changes.finish(held.identity, held.repository, held.truths, held.deed)
            else:
                await self._settle(held.repository, held.identity, change.names)

    @contextlib.asynccontextmanager
    async def _abandoning(self, identity: str) -> AsyncIterator[None]:
        """Where storage or index fail, let the next who wants the names settle them."""
        try:
            yield
        except (RegistryError, OSError):
            with contextlib.suppress(RegistryError, OSError):
                await self._index.changes.abandon(identity)
            raise

    async def _settle(self, repository: RepositoryName, identity: str, names: Sequence[Name]) -> None:
        truths: list[Truth] = []
        for name in names:
            truths.append(await read_truth(self._storage, repository, name))
            if name.kind == "tag":
                await self._remove_remains(repository, Tag(name.name))
        await self._index.changes.settle(identity, repository, truths)

    async def _remove_remains(self, repository: RepositoryName, tag: Tag) -> None:
        """A tag's directory that never got its link: registry:2 would list the tag."""
        if await self._storage.links.read_tag(repository, tag) is None:
            with contextlib.suppress(RegistryError):
                await self._storage.links.remove_tags(repository, [tag])
