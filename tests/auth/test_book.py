# SPDX-License-Identifier: Apache-2.0
"""What is read of the directory is read anew once it changed, and no more often than needed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from entrepot.auth import policy
from entrepot.auth.policy import NOBODY, Book
from entrepot.index.directory import Account, Directory
from entrepot.index.index import Index, open_index
from entrepot.oci.access import Access

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from entrepot.index.directory import Rule
    from entrepot.index.places import IndexPlace

PULL = frozenset({"pull"})
ACCESS = Access.parse("repository:team/app:pull")
ANN = Account("ann", "user", "x")


class Counting:
    """A directory that says how often it was read, and can wait in the midst of it."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.versions = self.rule_reads = self.account_reads = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.was_read = asyncio.Event()

    async def version(self) -> int:
        self.versions += 1
        return await self._directory.version()

    async def rules(self) -> Sequence[Rule]:
        self.rule_reads += 1
        return await self._directory.rules()

    async def account(self, name: str) -> Account | None:
        self.account_reads += 1
        found = await self._directory.account(name)
        self.was_read.set()
        await self.go_on.wait()
        return found


@pytest.fixture
def index(place: IndexPlace) -> Iterator[Index]:
    """On each database."""
    with open_index(place) as opened:
        yield opened


@pytest.fixture
def counting(index: Index) -> Counting:
    """Its directory."""
    return Counting(index.directory)


@pytest.fixture
def book(counting: Counting) -> Book:
    """A worker's book; not read yet."""
    return Book(cast("Directory", counting))


def grow_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is too old from now on."""
    monkeypatch.setattr(policy, "FRESH", -1.0)


async def test_nothing_is_allowed_before_it_was_read(index: Index, book: Book) -> None:
    """And it says so; then it is."""
    await index.directory.add_rule("role:anonymous", "team/**", "*", PULL, "")
    fresh = [book.fresh]
    assert book.policy.find_rule(NOBODY, ACCESS, "") is None
    assert (await book.refresh()).find_rule(NOBODY, ACCESS, "") is not None
    assert [*fresh, book.fresh] == [False, True]
    assert book.version == await index.directory.version()


async def test_a_change_is_noticed_within_a_second(index: Index, book: Book) -> None:
    """A rule, and a lock."""
    await index.directory.add_account(ANN)
    assert (await book.refresh()).find_rule(NOBODY, ACCESS, "") is None
    found = await book.account("ann")
    assert found is not None
    assert not found.locked
    await index.directory.set_locked("ann", locked=True)
    await index.directory.add_rule("role:anonymous", "team/**", "*", PULL, "")

    async def holds() -> bool:
        found = await book.account("ann")
        return (await book.refresh()).find_rule(NOBODY, ACCESS, "") is not None and found is not None and found.locked

    async with asyncio.timeout(1.0):
        while not await holds():  # noqa: ASYNC110 - it is the time that passes which is tested
            await asyncio.sleep(0.01)


async def test_reads_are_few(index: Index, counting: Counting, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it is fresh nothing is read; afterwards the version, and rules and accounts only if that is another."""
    await index.directory.add_account(ANN)
    for _ in range(3):
        await asyncio.gather(*(book.refresh() for _ in range(5)))
        assert await book.account("ann") == await index.directory.account("ann") == book.recall("ann")
    assert (counting.versions, counting.rule_reads, counting.account_reads) == (1, 1, 1)
    grow_old(monkeypatch)
    assert not book.fresh
    await book.refresh()
    await book.account("ann")
    assert (counting.versions, counting.rule_reads, counting.account_reads) == (3, 1, 1)
    await index.directory.set_comment("ann", "new")
    assert (await book.account("ann")) == await index.directory.account("ann")
    assert (counting.versions, counting.rule_reads, counting.account_reads) == (4, 2, 2)


async def test_accounts_that_are_not_there(index: Index, book: Book) -> None:
    """Are not remembered: whoever makes names up does not fill the memory, and one that is made holds at once."""
    assert await book.account("ann") is None
    await index.directory.add_account(ANN)
    assert await book.account("ann") is not None
    assert book.recall("ann") is not None


async def test_an_account_that_changes_while_it_is_read(
    index: Index, counting: Counting, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before the change is not remembered after it."""
    await index.directory.add_account(ANN)
    await book.refresh()
    counting.go_on.clear()
    slow = asyncio.create_task(book.account("ann"))
    await counting.was_read.wait()
    await index.directory.set_locked("ann", locked=True)
    with monkeypatch.context() as later:
        grow_old(later)
        await book.refresh()
    counting.go_on.set()
    await slow
    found = await book.account("ann")
    assert found is not None
    assert found.locked
