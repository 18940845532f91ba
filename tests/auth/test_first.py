# SPDX-License-Identifier: Apache-2.0
"""The first administrator, and the roles that are ready."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import structlog

from entrepot.app.administrator import welcome_administrator
from entrepot.auth.first import create_first_administrator, prepare_untouched
from entrepot.auth.passwords import verify_password
from entrepot.auth.policy import Person, Policy
from entrepot.index.directory import ADMINISTRATORS, BUILT_IN, Account
from entrepot.index.index import open_index
from entrepot.oci.access import PULL, PUSH, to_repository
from entrepot.telemetry.logs import configure_logs
from entrepot.telemetry.settings import LogSettings
from support.rooms import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from entrepot.index.directory import Directory


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the index lies."""
    return tmp_path / "index.sqlite3"


@pytest.fixture
def directory(path: Path) -> Iterator[Directory]:
    """Where nobody is."""
    with open_index(path) as index:
        yield index.directory


async def roles_of(directory: Directory) -> set[str]:
    """The names of roles that somebody made."""
    return {role.name for role in await directory.roles()} - {*BUILT_IN}


async def test_it_is_made_once(directory: Directory) -> None:
    """A random password for `admin`, which is right; never again while an administrator is there."""
    made = await create_first_administrator(directory)
    assert made is not None
    name, password = made
    assert name == "admin"
    account = await directory.account("admin")
    assert account is not None
    assert account.roles == (ADMINISTRATORS,)
    assert verify_password(account.secret, password)
    assert password not in repr(account)
    assert await create_first_administrator(directory) is None
    assert await directory.account("admin") == account


async def test_many_processes(path: Path, directory: Directory) -> None:
    """Of several that start at once one makes it, the others nothing."""

    def start() -> tuple[str, str] | None:
        with open_index(path) as index:
            return asyncio.run(create_first_administrator(index.directory))

    assert await directory.count_administrators() == 0
    made = await asyncio.gather(*(asyncio.to_thread(start) for _ in range(6)))
    assert [one[0] for one in made if one is not None] == ["admin"]
    assert [one.name for one in await directory.accounts("user", "", 9)] == ["admin"]
    assert len(await directory.rules()) == 2


async def test_somebody_is_called_admin(directory: Directory) -> None:
    """A user without the role keeps the name; an administrator of another name is enough."""
    await directory.add_account(Account("admin", "user", "hash"))
    made = await create_first_administrator(directory)
    assert made is not None
    assert made[0] == "admin2"
    found = await directory.account("admin")
    assert found is not None
    assert found.roles == ()
    assert await create_first_administrator(directory) is None


async def test_another_administrator(directory: Directory) -> None:
    """Where a command made one before the first start, nothing is made."""
    await directory.add_account(Account("root", "user", "hash", roles=(ADMINISTRATORS,)))
    assert await create_first_administrator(directory) is None
    assert await directory.account("admin") is None


async def test_ready_roles(directory: Directory) -> None:
    """They come with the first administrator, allow what they say, and stay away when removed."""
    await create_first_administrator(directory)
    assert await roles_of(directory) == {"read-all", "write-all"}
    policy = Policy(await directory.rules())
    for role, pull, push, delete in (("read-all", True, False, False), ("write-all", True, True, False)):
        person = Person.of(Account("ann", "user", "", roles=(role,)))
        for actions, allowed in ((PULL, pull), (PUSH, push), (frozenset({"delete"}), delete)):
            assert (policy.find_rule(person, to_repository(NAME, actions), "192.0.2.7") is not None) is allowed
    await directory.remove_role("read-all")
    await create_first_administrator(directory)
    await prepare_untouched(directory)
    assert await roles_of(directory) == {"write-all"}


async def test_untouched(directory: Directory) -> None:
    """Where nobody made anything the ready roles are made, and no administrator; with anything there they are not."""
    await prepare_untouched(directory)
    assert await roles_of(directory) == {"read-all", "write-all"}
    assert await directory.count_administrators() == 0
    for role in ("read-all", "write-all"):
        await directory.remove_role(role)
    await directory.add_account(Account("ann", "user", ""))
    await prepare_untouched(directory)
    assert await roles_of(directory) == set()


async def test_it_is_said_once(directory: Directory, capfd: pytest.CaptureFixture[str]) -> None:
    """Name and password are printed on stderr, once; standard output, where the access log goes, has nothing."""
    log = configure_logs(LogSettings(level="error"))
    await welcome_administrator(directory, log)
    said = capfd.readouterr()
    assert said.out == ""
    account = await directory.account("admin")
    assert account is not None
    [password] = [line.split()[1] for line in said.err.splitlines() if line.startswith("  password ")]
    assert verify_password(account.secret, password)
    await welcome_administrator(directory, log)
    assert capfd.readouterr().err == ""
    structlog.reset_defaults()
