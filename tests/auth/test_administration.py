# SPDX-License-Identifier: Apache-2.0
"""What may be done with users, robots, roles and rules; each change is told, and nothing of it is a secret."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from entrepot.auth.generated import verify_token
from entrepot.auth.passwords import verify_password
from entrepot.auth.rules import NewRule
from entrepot.auth.users import check_password
from entrepot.index.directory import ADMINISTRATORS
from entrepot.index.index import open_index
from entrepot.oci.errors import (
    AccessConflict,
    AccessUnknown,
    Denied,
    RegistryError,
    RequestInvalid,
    TooManyRequests,
    Unavailable,
)
from support.people import ROOT, Office, open_office

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PASSWORD = "correct horse"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Of a registry where nobody is."""
    with open_index(tmp_path / "index.sqlite3") as index:
        yield open_office(index.directory)


async def test_users(office: Office) -> None:
    """A user is added with a hash of the password alone, and gone when removed; each is told once, with who did it."""
    users = office.administration.users
    await office.administration.roles.add("builders", "", ROOT)
    added = await users.add("ann", PASSWORD, ["builders", "builders"], "first floor", ROOT)
    assert (added.kind, added.roles, added.comment, added.locked) == ("user", ("builders",), "first floor", False)
    assert verify_password(added.secret, PASSWORD)
    assert abs(added.created_at - time.time()) < 60
    assert [one.name for one in await users.accounts.all()] == ["ann"]
    removed = await users.accounts.remove("ann", ROOT)
    assert removed.name == "ann"
    with pytest.raises(AccessUnknown, match="no user 'ann'"):
        await users.accounts.find("ann")
    assert [what for _, _, what in office.told] == [
        "role builders: added",
        "user ann: added with builders",
        "user ann: removed",
    ]
    assert {(actor, address) for actor, address, _ in office.told} == {("root", "192.0.2.1")}
    assert PASSWORD not in str(office.told)


async def test_passwords_change(office: Office) -> None:
    """Another password raises the epoch, so that tokens of the old one hold no longer."""
    users = office.administration.users
    before = await users.add("ann", PASSWORD, [], "", ROOT)
    after = await users.set_password("ann", "another password", ROOT)
    assert after.epoch > before.epoch
    assert verify_password(after.secret, "another password")
    assert not verify_password(after.secret, PASSWORD)
    with pytest.raises(AccessUnknown):
        await users.set_password("nobody", "another password", ROOT)


@pytest.mark.parametrize(
    "password",
    ["", "short", "1234567", "x" * 1025, "é" * 513, "ANN-the-user", "with\nline", "with\0nul", "\udcff" * 9],
)
async def test_bad_passwords(office: Office, password: str) -> None:
    """They are refused in words that do not hold them, and the account stays as it was."""
    users = office.administration.users
    name = "ann-the-user"
    with pytest.raises(RequestInvalid) as error:
        await users.add(name, password, [], "", ROOT)
    assert not password or password not in str(error.value.detail)
    added = await users.add(name, PASSWORD, [], "", ROOT)
    with pytest.raises(RequestInvalid):
        await users.set_password(name, password, ROOT)
    assert await users.accounts.find(name) == added


@pytest.mark.parametrize(
    "password", ["12345678", "x" * 1024, "é" * 4, "é" * 512, "pass:word", "  spaces  ", "密码密码密码"]
)
def test_good_passwords(password: str) -> None:
    """8 to 1024 bytes, whatever is in them."""
    check_password("ann", password)


async def test_own_password(office: Office) -> None:
    """Whoever knows the old one may change it; who does not, and robots, may not."""
    users = office.administration.users
    await users.add("ann", PASSWORD, [], "", ROOT)
    await office.administration.robots.add("ci", None, [], [], "", ROOT)
    for name, old in (("ann", "wrong"), ("ci", PASSWORD), ("nobody", PASSWORD), ("", "")):
        with pytest.raises(Denied):
            await users.change_password(name, old, "another password", ROOT)
    assert office.told[2:] == [("root", "192.0.2.1", "user ann: password not changed, the old one given was wrong")]
    with pytest.raises(RequestInvalid, match="the old one"):
        await users.change_password("ann", PASSWORD, PASSWORD, ROOT)
    with pytest.raises(RequestInvalid, match="8 to 1024"):
        await users.change_password("ann", PASSWORD, "short", ROOT)
    changed = await users.change_password("ann", PASSWORD, "another password", ROOT)
    assert verify_password(changed.secret, "another password")


async def test_new_passwords_are_hashed_where_logins_are(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread of its own for each: all that is hashed goes through the guard."""
    users = office.administration.users
    plain, hashed = users._guard.hash, []

    async def note(job: Callable[[], str]) -> str:
        hashed.append(await plain(job))
        return hashed[-1]

    monkeypatch.setattr(users._guard, "hash", note)
    added = await users.add("ann", PASSWORD, [], "", ROOT)
    changed = await users.change_password("ann", PASSWORD, "another password", ROOT)
    assert hashed == [added.secret, changed.secret]


async def test_without_password(office: Office) -> None:
    """A user for whom only a proxy vouches has no password, and nobody can give the right one."""
    users = office.administration.users
    added = await users.add("kerberos@EXAMPLE.COM", None, [], "", ROOT)
    assert added.secret == ""
    with pytest.raises(Denied):
        await users.change_password("kerberos@EXAMPLE.COM", "", "another password", ROOT)


async def test_robots(office: Office) -> None:
    """A robot has rules of its own and a token that is kept as a hash; a renewed one replaces it."""
    robots = office.administration.robots
    await office.administration.roles.add("builders", "", ROOT)
    grants = [NewRule.parse("team/**", "pull,push"), NewRule.parse("lib/*", "pull", "10.0.0.0/8")]
    robot, token = await robots.add("ci", 90, [*grants, grants[0]], ["builders"], "builds", ROOT)
    assert (robot.kind, robot.roles) == ("robot", ("builders",))
    assert verify_token(robot.secret, token)
    assert token.startswith("ept_")
    assert robot.expires_at is not None
    assert abs(robot.expires_at - robot.created_at - 90 * 86400) < 1
    rules = await office.administration.rules.of("robot:ci")
    assert [(rule.pattern, rule.network) for rule in rules] == [("team/**", "*"), ("lib/*", "10.0.0.0/8")]
    renewed, another = await robots.renew("ci", None, ROOT)
    assert verify_token(renewed.secret, another)
    assert not verify_token(renewed.secret, token)
    assert renewed.expires_at is None
    assert renewed.epoch > robot.epoch
    assert token not in str(office.told)
    assert another not in str(office.told)
    assert "user" not in str(office.told)


async def test_robots_whole_or_not(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A robot whose rules cannot be written is not there: nobody saw its token."""

    async def fail(*_: object) -> None:
        raise Unavailable("the index is away")

    monkeypatch.setattr(office.administration.rules, "add", fail)
    with pytest.raises(Unavailable):
        await office.administration.robots.add("ci", None, [NewRule.parse("a", "pull")], [], "", ROOT)
    assert await office.directory.account("ci") is None
    assert [what for _, _, what in office.told] == ["robot ci: added", "robot ci: removed"]


@pytest.mark.parametrize("days", [0, -1, 3651, float("inf"), float("nan")])
async def test_bad_days(office: Office, days: float) -> None:
    """A token holds for more than none and at most ten years, or for ever."""
    with pytest.raises(RequestInvalid, match="3650 days"):
        await office.administration.robots.add("ci", days, [], [], "", ROOT)
    assert await office.directory.account("ci") is None


@pytest.mark.parametrize("name", ["", "a:b", "a b", "-a", "../x", "a/b", "é", "x" * 65, "a\n", "a\0", "\udcff"])
async def test_bad_names(office: Office, name: str) -> None:
    """Names that credentials, rules or paths cannot hold are refused, for accounts and for roles."""
    administration = office.administration
    for adding in (
        administration.users.add(name, PASSWORD, [], "", ROOT),
        administration.robots.add(name, None, [], [], "", ROOT),
        administration.roles.add(name, "", ROOT),
        administration.users.add("ann", PASSWORD, [name], "", ROOT),
    ):
        with pytest.raises(RequestInvalid):
            await adding
    for asking in (administration.users.accounts.find(name), administration.roles.find(name)):
        with pytest.raises(AccessUnknown):
            await asking
    assert office.told == []


async def test_one_space_of_names(office: Office) -> None:
    """Users and robots share their names; what is said of one kind does not touch the other."""
    administration = office.administration
    await administration.users.add("ann", PASSWORD, [], "", ROOT)
    with pytest.raises(AccessConflict, match="a user 'ann' already"):
        await administration.robots.add("ann", None, [], [], "", ROOT)
    with pytest.raises(AccessConflict, match="not signed in"):
        await administration.users.add("anonymous", PASSWORD, [], "", ROOT)
    for doing in (
        administration.robots.renew("ann", None, ROOT),
        administration.robots.accounts.remove("ann", ROOT),
        administration.robots.accounts.set_locked("ann", locked=True, caller=ROOT),
        administration.robots.accounts.set_comment("ann", "x", ROOT),
        administration.robots.accounts.give_role("ann", ADMINISTRATORS, ROOT),
    ):
        with pytest.raises(AccessUnknown, match="is a user, not a robot"):
            await doing
    assert await administration.robots.accounts.all() == []


async def test_locks(office: Office) -> None:
    """Locking and unlocking raise the epoch; the same again changes and tells nothing."""
    accounts = office.administration.users.accounts
    added = await office.administration.users.add("ann", PASSWORD, [], "", ROOT)
    locked = await accounts.set_locked("ann", locked=True, caller=ROOT)
    assert locked.locked
    assert locked.epoch > added.epoch
    assert await accounts.set_locked("ann", locked=True, caller=ROOT) == locked
    opened = await accounts.set_locked("ann", locked=False, caller=ROOT)
    assert not opened.locked
    assert opened.epoch > locked.epoch
    assert [what for _, _, what in office.told] == ["user ann: added", "user ann: locked", "user ann: unlocked"]


async def test_roles(office: Office) -> None:
    """A role that is removed is gone from all who had it, with its rules; built-in ones stay."""
    administration = office.administration
    await administration.roles.add("builders", "they build", ROOT)
    await administration.users.add("ann", PASSWORD, [], "", ROOT)
    await administration.users.accounts.give_role("ann", "builders", ROOT)
    await administration.users.accounts.give_role("ann", "builders", ROOT)
    await administration.rules.add("role:builders", NewRule.parse("build/**", "*"), ROOT)
    assert await administration.find_holders() == {"builders": ["ann"]}
    assert len(await administration.rules.of("role:builders")) == 1
    assert (await administration.roles.remove("builders", ROOT)).comment == "they build"
    assert await administration.find_holders() == {}
    assert await administration.rules.all() == []
    with pytest.raises(AccessUnknown):
        await administration.users.accounts.give_role("ann", "builders", ROOT)
    for name in ("administrators", "everyone", "anonymous"):
        with pytest.raises(AccessConflict, match="built in"):
            await administration.roles.remove(name, ROOT)
    told = [what for _, _, what in office.told]
    assert told.count("user ann: given the role builders") == 1


async def test_rules(office: Office) -> None:
    """A rule speaks of somebody who is there; the same twice is refused, and what makes no sense."""
    rules = office.administration.rules
    grant = NewRule.parse("team/**", "pull,push", "10.0.0.0/8", "of the team")
    added = await rules.add("everyone", grant, ROOT)
    assert (added.subject, added.actions, added.comment) == (
        "role:everyone",
        frozenset({"pull", "push"}),
        "of the team",
    )
    assert await rules.find(added.id) == added
    with pytest.raises(AccessConflict):
        await rules.add("role:everyone", grant, ROOT)
    with pytest.raises(AccessConflict, match="everything already"):
        await rules.add("role:administrators", grant, ROOT)
    for subject in ("user:ann", "robot:ci", "role:nothing"):
        with pytest.raises(AccessUnknown):
            await rules.add(subject, grant, ROOT)
    assert await rules.remove(added.id, ROOT) == added
    for number in (added.id, 0, -1, 10**18, 10**30):
        with pytest.raises(AccessUnknown):
            await rules.remove(number, ROOT)
    assert [what for _, _, what in office.told] == [
        f"rule {added.id}: added: role everyone: team/** pull,push from 10.0.0.0/8",
        f"rule {added.id}: removed: role everyone: team/** pull,push from 10.0.0.0/8",
    ]


@pytest.mark.parametrize(
    ("pattern", "actions", "network", "comment"),
    [
        ("", "pull", "*", ""),
        ("Team/**", "pull", "*", ""),
        ("team/**", "", "*", ""),
        ("team/**", "pull,admin", "*", ""),
        ("team/**", "pull", "10.0.0.0/40", ""),
        ("team/**", "pull", "", ""),
        ("team/**", "pull", "*", "two\nlines"),
        ("team/**", "pull", "*", "x" * 1001),
    ],
)
def test_bad_rules(pattern: str, actions: str, network: str, comment: str) -> None:
    """What a rule cannot say is refused with what it can."""
    with pytest.raises(RequestInvalid):
        NewRule.parse(pattern, actions, network, comment)


async def test_last_administrator(office: Office) -> None:
    """Nobody can be left without one: not by removing, locking, or taking the role; with two there is a choice."""
    administration = office.administration
    accounts = administration.users.accounts
    await administration.users.add("root", PASSWORD, [ADMINISTRATORS], "", ROOT)

    async def refuse_all() -> None:
        for doing in (
            accounts.remove("root", ROOT),
            accounts.set_locked("root", locked=True, caller=ROOT),
            accounts.take_role("root", ADMINISTRATORS, ROOT),
        ):
            with pytest.raises(AccessConflict, match="last"):
                await doing
        assert await office.directory.count_administrators() == 1

    await refuse_all()
    await administration.robots.add("ci", None, [], [ADMINISTRATORS], "", ROOT)
    await refuse_all()
    await administration.users.add("second", PASSWORD, [ADMINISTRATORS], "", ROOT)
    await accounts.set_locked("second", locked=True, caller=ROOT)
    await refuse_all()
    await accounts.set_locked("second", locked=False, caller=ROOT)
    await accounts.remove("root", ROOT)
    assert [one.name for one in await accounts.all()] == ["second"]


async def test_guessing_is_slowed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong old passwords go through the guard: an address that fails and fails is kept waiting or turned away."""
    asked: list[str] = []

    async def check(user: str, password: str, stored: str | None, address: str) -> bool:
        asked.append(f"{user} {password} {stored is not None} {address}")
        raise TooManyRequests("later")

    users = office.administration.users
    await users.add("ann", PASSWORD, [], "", ROOT)
    monkeypatch.setattr(users._guard, "check", check)
    with pytest.raises(RegistryError):
        await users.change_password("ann", "guess", "another password", ROOT)
    assert asked == ["ann guess True 192.0.2.1"]
