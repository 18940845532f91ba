# SPDX-License-Identifier: Apache-2.0
"""Accounts, roles and rules are kept as they were given, and some of them cannot go."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from entrepot.index.directory import Account
from entrepot.oci.errors import AccessConflict, AccessUnknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from entrepot.index.directory import Directory
    from entrepot.index.index import Index

PULL = frozenset({"pull"})
EVERY = frozenset({"pull", "push", "delete"})
ROOT = Account("root", "user", "hash of root", roles=("administrators",))
ANN = Account("ann", "user", "hash of ann", comment="of the first floor", created_at=17.5)
CI = Account("ci", "robot", "hash of ci", expires_at=99.5)


@pytest.fixture
def directory(index: Index) -> Directory:
    """As one process has it open; nobody is there."""
    return index.directory


async def test_accounts(directory: Directory, other: Index) -> None:
    """An account is read as it was added, by its name and in pages of its kind, bytewise; secrets are in no message."""
    assert await directory.account("ann") is None
    await directory.add_role("developers", "")
    for account in (ROOT, ANN, CI, Account("Zoe", "user", "")):
        await directory.add_account(account)
    await directory.give_role("ann", "developers")
    await directory.give_role("ann", "developers")
    found = await other.directory.account("ann")
    assert found is not None
    assert (found.kind, found.secret, found.locked, found.comment) == ("user", "hash of ann", False, ANN.comment)
    assert (found.created_at, found.expires_at, found.used_at, found.roles) == (17.5, None, None, ("developers",))
    assert "hash of ann" not in repr(found)
    assert [one.name for one in await directory.accounts("user", "", 9)] == ["Zoe", "ann", "root"]
    assert [one.name for one in await directory.accounts("user", "Zoe", 1)] == ["ann"]
    assert [one.name for one in await directory.accounts("user", "Zoe\0", 1)] == ["ann"]
    assert [(one.name, one.expires_at) for one in await directory.accounts("robot", "", 9)] == [("ci", 99.5)]


@pytest.mark.parametrize("name", ["", "nobody", "a\0b", "jürgen", "\ud800", "x" * 100_000, "' OR 1=1"])
async def test_any_name_can_be_asked_for(directory: Directory, name: str) -> None:
    """What somebody sends as a user name is looked for and not found, whatever it is."""
    await directory.add_account(ANN)
    assert await directory.account("ann") is not None
    assert await directory.account(name) is None


async def test_a_name_is_taken_once(directory: Directory) -> None:
    """Users and robots share their names; the one that is there stays as it is."""
    await directory.add_account(ANN)
    before = await directory.account("ann"), await directory.version()
    for kind in ("user", "robot"):
        with pytest.raises(AccessConflict, match="there is a user 'ann' already"):
            await directory.add_account(Account("ann", kind, "other"))
    assert (await directory.account("ann"), await directory.version()) == before


async def test_an_account_with_a_role_that_is_not_there(directory: Directory) -> None:
    """Is not added at all; nor is one with a role that nobody is given."""
    with pytest.raises(AccessUnknown, match="no role 'developers'"):
        await directory.add_account(Account("ann", "user", "", roles=("administrators", "developers")))
    with pytest.raises(AccessConflict, match="all who are signed in"):
        await directory.add_account(Account("ann", "user", "", roles=("everyone",)))
    assert await directory.account("ann") is None
    assert await directory.count_administrators() == 0


async def test_epochs(directory: Directory) -> None:
    """A new secret, a lock and an unlock raise the epoch; a hash that is made anew and a comment do not. An account
    that is made again begins higher than the one before ended.
    """
    await directory.add_account(ANN)

    async def epoch() -> int:
        found = await directory.account("ann")
        assert found is not None
        return found.epoch

    seen = [await epoch()]
    await directory.set_secret("ann", "second")
    seen.append(await epoch())
    await directory.renew_secret("ann", "third", 77.5)
    seen.append(await epoch())
    renewed = await directory.account("ann")
    assert renewed is not None
    assert (renewed.secret, renewed.expires_at) == ("third", 77.5)
    await directory.renew_secret("ann", "second", None)
    seen.append(await epoch())
    await directory.set_locked("ann", locked=True)
    seen.append(await epoch())
    await directory.set_locked("ann", locked=False)
    seen.append(await epoch())
    await directory.replace_secret("ann", "second", "second, hashed anew")
    await directory.replace_secret("ann", "second", "too late")
    await directory.set_comment("ann", "of the second floor")
    await directory.note_used([("ann", 12.5), ("nobody", 13.5)])
    assert await epoch() == seen[-1]
    found = await directory.account("ann")
    assert found is not None
    assert (found.secret, found.comment, found.used_at) == ("second, hashed anew", "of the second floor", 12.5)
    await directory.remove_account("ann")
    assert await directory.account("ann") is None
    await directory.add_account(ANN)
    seen.append(await epoch())
    assert seen == sorted(set(seen))


@pytest.mark.parametrize(
    "change",
    [
        lambda directory: directory.set_secret("ann", "new"),
        lambda directory: directory.renew_secret("ann", "new", 1.0),
        lambda directory: directory.replace_secret("ann", "hash of ann", "new"),
        lambda directory: directory.set_locked("ann", locked=True),
        lambda directory: directory.set_comment("ann", "new"),
        lambda directory: directory.remove_account("ann"),
        lambda directory: directory.give_role("ann", "testers"),
        lambda directory: directory.take_role("ann", "developers"),
        lambda directory: directory.add_role("new", ""),
        lambda directory: directory.remove_role("developers"),
        lambda directory: directory.add_rule("user:ann", "team/**", "*", PULL, ""),
        lambda directory: directory.remove_rule(1),
    ],
)
async def test_each_change_changes_the_version(
    index: Index, other: Index, change: Callable[[Directory], Awaitable[object]]
) -> None:
    """Another process sees a higher number than before; using an account is no change."""
    for role in ("developers", "testers"):
        await index.directory.add_role(role, "")
    await index.directory.add_account(ANN)
    await index.directory.give_role("ann", "developers")
    await index.directory.add_rule("role:developers", "app", "*", PULL, "")
    before = await other.directory.version()
    await index.directory.note_used([("ann", 1.0)])
    assert await other.directory.version() == before
    await change(index.directory)
    assert await other.directory.version() == before + 1


@pytest.mark.parametrize(
    "change",
    [
        lambda directory: directory.set_locked("root", locked=True),
        lambda directory: directory.remove_account("root"),
        lambda directory: directory.take_role("root", "administrators"),
        lambda directory: directory.set_secret("root", ""),
        lambda directory: directory.renew_secret("root", "", None),
    ],
)
async def test_the_last_administrator_stays(
    directory: Directory, change: Callable[[Directory], Awaitable[object]]
) -> None:
    """As long as there is no other user who has the role, a secret and no lock; then it goes."""
    for account in (
        ROOT,
        ANN,
        Account("locked", "user", "x", locked=True, roles=("administrators",)),
        Account("secretless", "user", "", roles=("administrators",)),
        Account("robot", "robot", "x", roles=("administrators",)),
    ):
        await directory.add_account(account)
    before = await directory.account("root")
    assert await directory.count_administrators() == 1
    with pytest.raises(AccessConflict, match="last administrator"):
        await change(directory)
    assert await directory.account("root") == before
    await directory.give_role("ann", "administrators")
    assert await directory.count_administrators() == 2
    await change(directory)
    assert await directory.count_administrators() == 1


async def test_two_administrators_cannot_remove_each_other(index: Index, other: Index) -> None:
    """At the same moment, in two processes: one of them stays."""
    await index.directory.add_account(ROOT)
    await index.directory.add_account(Account("ann", "user", "x", roles=("administrators",)))
    done = await asyncio.gather(
        index.directory.remove_account("ann"), other.directory.remove_account("root"), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["AccessConflict", "NoneType"]
    assert await index.directory.count_administrators() == 1


async def test_roles(directory: Directory) -> None:
    """The built-in ones are there and stay; another goes from all who have it, with its rules."""
    built_in = ["administrators", "anonymous", "everyone"]
    assert [(role.name, role.built_in) for role in await directory.roles()] == [(name, True) for name in built_in]
    await directory.add_role("developers", "who write")
    assert ("developers", "who write", False) in [
        (role.name, role.comment, role.built_in) for role in await directory.roles()
    ]
    for name in ("developers", *built_in):
        with pytest.raises(AccessConflict, match="already"):
            await directory.add_role(name, "")
    await directory.add_account(ANN)
    await directory.give_role("ann", "developers")
    await directory.add_rule("role:developers", "team/**", "*", PULL, "")
    kept = await directory.add_rule("role:everyone", "team/**", "*", PULL, "")
    await directory.remove_role("developers")
    found = await directory.account("ann")
    assert found is not None
    assert found.roles == ()
    assert await directory.rules() == [kept]
    assert [role.name for role in await directory.roles()] == built_in
    for name in built_in:
        with pytest.raises(AccessConflict, match="built in"):
            await directory.remove_role(name)


async def test_what_is_not_there(directory: Directory) -> None:
    """Is named in the error."""
    await directory.add_account(ANN)
    for change in (
        directory.set_secret("nobody", ""),
        directory.set_locked("nobody", locked=True),
        directory.set_comment("nobody", ""),
        directory.remove_account("nobody"),
        directory.give_role("nobody", "administrators"),
        directory.take_role("nobody", "administrators"),
        directory.add_rule("user:nobody", "**", "*", PULL, ""),
        directory.add_rule("robot:ann", "**", "*", PULL, ""),
        directory.add_rule("role:nobody", "**", "*", PULL, ""),
        directory.give_role("ann", "nobody"),
        directory.remove_role("nobody"),
    ):
        with pytest.raises(AccessUnknown, match=r"there is no .*(nobody|ann)"):
            await change
    with pytest.raises(AccessUnknown, match="'ann' has not the role 'administrators'"):
        await directory.take_role("ann", "administrators")
    for number in (0, -1, 7, 2**63, 2**200):
        with pytest.raises(AccessUnknown, match=str(number)):
            await directory.remove_rule(number)
    assert await directory.rules() == []


async def test_rules(directory: Directory, other: Index) -> None:
    """Rules come by subject and number, as they were written; the same one is there once; numbers are not given again.
    One that only differs in its comment is the same.
    """
    await directory.add_account(CI)
    second = await directory.add_rule("role:everyone", "team/**", "10.0.0.0/8", EVERY, "from inside")
    first = await directory.add_rule("robot:ci", "team/app", "*", PULL, "")
    third = await directory.add_rule("role:everyone", "team/**", "*", PULL, "")
    assert await other.directory.rules() == [first, second, third]
    assert (second.subject, second.pattern, second.network) == ("role:everyone", "team/**", "10.0.0.0/8")
    assert (second.actions, second.comment) == (EVERY, "from inside")
    assert second.pattern_id == third.pattern_id != first.pattern_id
    with pytest.raises(AccessConflict, match=f"the number {second.id}"):
        await directory.add_rule("role:everyone", "team/**", "10.0.0.0/8", EVERY, "another comment")
    assert await directory.remove_rule(third.id) == third
    assert third not in await directory.rules()
    again = await directory.add_rule("role:everyone", "team/**", "*", PULL, "")
    assert again.id > third.id
    await directory.remove_account("ci")
    assert await directory.rules() == [second, again]
