# SPDX-License-Identifier: Apache-2.0
"""`entrepot user`: people and their passwords, beside a server or before the first start."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from entrepot.app.opening import open_parts
from entrepot.auth.passwords import verify_password
from entrepot.cli.main import main
from entrepot.config.load import load
from support.commands import Commands, write_config
from support.terminals import run_on_terminal

if TYPE_CHECKING:
    from entrepot.index.directory import Account

PASSWORD = "correct horse"


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    """On a registry that was never started."""
    return Commands(write_config(tmp_path))


def find(commands: Commands, name: str) -> Account:
    """The account as it is kept."""
    with open_parts(load(commands.config, {}).settings) as (_, index):
        account = asyncio.run(index.directory.account(name))
    assert account is not None
    return account


def feed(commands: Commands) -> list[tuple[str, str]]:
    """Who changed what, by the feed of events that waits for its positions."""
    with open_parts(load(commands.config, {}).settings) as (_, index):
        asyncio.run(index.outbox.place())
        stored = asyncio.run(index.outbox.page(0, 100))
    events = [json.loads(one.body) for one in stored]
    return [(event["actor"]["name"], event["target"]["what"]) for event in events if event["action"] == "account"]


def test_add_with_password(commands: Commands) -> None:
    """The first line of standard input is the password; roles that are ready can be given before the first start."""
    said = commands.run("user add ann --password-stdin --role write-all --comment 'first floor'", f"{PASSWORD}\nmore\n")
    assert (said.exit_code, said.stdout) == (0, "")
    account = find(commands, "ann")
    assert verify_password(account.secret, PASSWORD)
    assert (account.roles, account.comment) == (("write-all",), "first floor")
    assert PASSWORD not in said.output


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_endings(commands: Commands, ending: str) -> None:
    """What ends the line is no part of the password; a space is."""
    commands.do("user add ann --password-stdin", f"{PASSWORD} {ending}")
    assert verify_password(find(commands, "ann").secret, f"{PASSWORD} ")


def test_generate(commands: Commands) -> None:
    """A password that is made up is alone on standard output, and right."""
    password = commands.do("user add ann --generate").removesuffix("\n")
    assert verify_password(find(commands, "ann").secret, password)
    another = commands.do("user password ann --generate").removesuffix("\n")
    assert another != password
    assert verify_password(find(commands, "ann").secret, another)


def test_bad_passwords(commands: Commands) -> None:
    """They are refused in a sentence; nobody is added, and a password that is there stays."""
    assert "8 to 1024 bytes" in commands.refuse("user add ann --password-stdin", "short\n")
    assert "8 to 1024 bytes" in commands.refuse("user add ann --password-stdin", "x" * 5000)
    assert "not UTF-8" in commands.refuse("user add ann --password-stdin", b"\xff" * 9)
    assert "--generate" in commands.refuse("user add ann", status=2)
    assert "exclude" in commands.refuse("user add ann --generate --password-stdin", PASSWORD, status=2)
    assert commands.read("user list") == []
    commands.do("user add ann --password-stdin", PASSWORD)
    commands.refuse("user password ann --password-stdin", "short\n")
    assert verify_password(find(commands, "ann").secret, PASSWORD)


def test_look(commands: Commands) -> None:
    """Lists and pages are tables for people and JSON in the API's form for scripts; no secret is in either."""
    commands.do("user add ann --password-stdin", PASSWORD)
    commands.do("user add bob --no-password --comment 'of Kerberos'")
    commands.do("rule add user:ann 'team/**' pull,push")
    titles, *rows = commands.do("user list").splitlines()
    assert titles.split() == ["NAME", "STATE", "ROLES", "LAST", "USED", "COMMENT"]
    assert rows[0].split() == ["ann", "open", "never"]
    assert rows[1].split() == ["bob", "no", "password", "never", "of", "Kerberos"]
    shown = commands.do("user show ann")
    assert "team/**" in shown
    described = commands.read("user show ann")
    assert (described["name"], described["hasSecret"], described["rules"][0]["pattern"]) == ("ann", True, "team/**")
    assert described["createdAt"].endswith("Z")
    for said in (shown, json.dumps(described), commands.do("user list --json")):
        assert "argon2" not in said


def test_change(commands: Commands) -> None:
    """Lock, unlock, comment, grant, revoke, remove: each says what is now, and it is so."""
    commands.do("user add ann --password-stdin", PASSWORD)
    assert commands.do("user lock ann") == "user ann is locked\n"
    assert find(commands, "ann").locked
    assert commands.do("user unlock ann") == "user ann is not locked\n"
    assert not find(commands, "ann").locked
    commands.do("user comment ann 'second floor'")
    assert find(commands, "ann").comment == "second floor"
    commands.do("user grant ann read-all")
    assert find(commands, "ann").roles == ("read-all",)
    commands.do("user revoke ann read-all")
    assert find(commands, "ann").roles == ()
    assert "has not the role" in commands.refuse("user revoke ann read-all")
    commands.do("user remove ann")
    for deed in ("show", "lock", "unlock", "remove"):
        assert "no user 'ann'" in commands.refuse(f"user {deed} ann")


def test_refusals(commands: Commands) -> None:
    """A name that is taken or none, a role that is not there, the last administrator: a sentence, and status 1."""
    commands.do("user add root --password-stdin --role administrators", PASSWORD)
    assert "already" in commands.refuse("user add root --password-stdin", PASSWORD)
    assert "no name of an account" in commands.refuse("user add a:b --password-stdin", PASSWORD)
    assert "no role 'nothing'" in commands.refuse("user add ann --password-stdin --role nothing", PASSWORD)
    for deed in ("lock root", "remove root", "revoke root administrators"):
        assert "last" in commands.refuse(f"user {deed}")
    assert [one["name"] for one in commands.read("user list")] == ["root"]


def test_it_is_recorded(commands: Commands) -> None:
    """Each change by a command is in the feed of events, without the password."""
    commands.do("user add ann --password-stdin --role read-all", PASSWORD)
    commands.do("user lock ann")
    commands.refuse("user lock nobody")
    assert feed(commands) == [
        ("command line", "user ann: added with read-all"),
        ("command line", "user ann: locked"),
    ]


def test_without_accounts(tmp_path: Path) -> None:
    """Where the configuration does not ask for accounts this is said, with what to add; the change is made."""
    commands = Commands(write_config(tmp_path, auth=""))
    done = commands.run("user add ann --password-stdin", PASSWORD)
    assert done.exit_code == 0
    assert "auth:\n  accounts: {}\n" in done.stderr
    with_accounts = Commands(commands.config)
    commands.config.write_text(f"{commands.config.read_text()}auth:\n  accounts: {{}}\n")
    done = with_accounts.run("user list --json")
    assert "Warning" not in done.stderr
    assert [one["name"] for one in json.loads(done.stdout)] == ["ann"]


def test_config(tmp_path: Path) -> None:
    """--config names the file, before the environment does; one that is not there is said."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    commands = Commands(write_config(first))
    other = write_config(second)
    commands.do(f"user add ann --password-stdin --config {other}", PASSWORD)
    assert commands.read("user list") == []
    assert [one["name"] for one in commands.read(f"user list -c {other}")] == ["ann"]
    assert "cannot be used" in commands.refuse(f"user list -c {tmp_path}/none.yml")


def test_prompt(commands: Commands) -> None:
    """On a terminal the password is asked for twice, and not shown."""
    command = [str(Path(sys.executable).with_name("entrepot")), "user", "add", "ann"]
    said = run_on_terminal(
        command,
        [("Password", PASSWORD), ("Repeat", PASSWORD)],
        env={"REGISTRY_CONFIGURATION_PATH": str(commands.config)},
    )
    assert PASSWORD not in said
    assert "added user ann" in said
    assert verify_password(find(commands, "ann").secret, PASSWORD)


def test_before_the_first_start(tmp_path: Path) -> None:
    """Where the configuration has accounts no server must have made the data directory; where it has none, it is said
    how to make it, and nothing is made.
    """
    data = tmp_path / "data"
    config = write_config(tmp_path, auth="")
    data.rmdir()
    said = Commands(config).refuse("user list")
    assert f"the data directory {data} is not there; start the registry once: entrepot serve" in said
    assert not data.exists()
    config.write_text(config.read_text() + "auth: {accounts: {}}\n")
    Commands(config).run("user add ann --generate --role write-all")
    assert "ann" in Commands(config).do("user list")


def test_no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a directory without one it is said where it was looked for, and nothing is made there."""
    monkeypatch.chdir(tmp_path)
    for line in ("user add ann --generate", "robot list", "gc run", "index status"):
        done = CliRunner().invoke(main, shlex.split(line), env={"REGISTRY_CONFIGURATION_PATH": None})
        said = done.stderr
        assert done.exit_code == 1, line
        assert f"REGISTRY_CONFIGURATION_PATH is not set, and {tmp_path}/entrepot.yml is not there" in said, line
    assert list(tmp_path.iterdir()) == []
