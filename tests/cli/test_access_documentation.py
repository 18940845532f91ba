# SPDX-License-Identifier: Apache-2.0
"""docs/access.md and the program say the same."""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from entrepot.auth.first import READY_ROLES
from entrepot.auth.rules import NewRule
from entrepot.cli.main import main
from entrepot.config.load import load
from entrepot.index.directory import BUILT_IN, Account
from entrepot.index.index import open_index
from entrepot.oci.access import to_repository
from entrepot.oci.names import RepositoryName
from entrepot.web.api.access import NEEDS
from support.commands import Commands, write_config
from support.people import ROOT, Office, open_office

if TYPE_CHECKING:
    from entrepot.auth.explaining import Explanation

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "access.md").read_text("utf-8")
ROW = re.compile(
    r"^\| (?P<who>nobody|`\w+`)(?P<locked>, locked)?(?: with `(?P<role>[\w-]+)`)? "
    r"\| `(?P<subject>\S+) (?P<pattern>\S+) (?P<actions>\S+?)(?: from (?P<network>\S+))?` "
    r"\| (?P<address>\S*) ?\| `(?P<action>\w+) (?P<name>\S+)` \| (?P<answer>yes|no)\b.*\|$",
    re.MULTILINE,
)


def test_the_commands_run(tmp_path: Path) -> None:
    """Every command on the page, one after the other, ends with 0, and with 1 where the page says no."""
    commands = Commands(write_config(tmp_path))
    lines = re.findall(r"^    entrepot (.*)$", PAGE, re.MULTILINE)
    assert len(lines) > 30
    for line in lines:
        command, _, remark = line.partition("#")
        done = commands.run(command)
        assert done.exit_code == int(remark.strip() == "no"), (line, done.output)


def test_every_command_is_named() -> None:
    """The page shows each command of these groups, but for those that only undo another one."""
    said = {tuple(line[:2]) for line in map(shlex.split, re.findall(r"^    entrepot (.*)$", PAGE, re.MULTILINE))}
    for group in ("user", "role", "rule", "robot", "access"):
        commands = main.commands[group]
        assert isinstance(commands, click.Group)
        missing = {name for name in commands.commands if (group, name) not in said}
        assert missing <= {"comment", "password", "grant", "revoke", "remove", "list", "show", "unlock"}, group
    assert "`entrepot user password admin`" in PAGE


def test_the_decisions(tmp_path: Path) -> None:
    """Each row of the table is decided as it says; no line of the table is passed over."""
    rows = [match.groupdict() for match in ROW.finditer(PAGE)]
    table = PAGE.partition("| who | the rule |")[2].partition("\n\n")[0]
    assert len(rows) == len(table.splitlines()) - 2 > 20
    assert {row["answer"] for row in rows} == {"yes", "no"}
    for number, row in enumerate(rows):
        with open_index(tmp_path / f"{number}.sqlite3") as index:
            found = asyncio.run(decide(open_office(index.directory), row))
        assert found.allowed is (row["answer"] == "yes"), (row, found)


async def decide(office: Office, row: dict[str, str | None]) -> Explanation:
    """Make those of whom the row speaks, and its rule, and ask."""
    administration, directory = office.administration, office.directory
    who = str(row["who"]).strip("`")
    roles = [role for role in (row["role"], str(row["subject"]).removeprefix("role:")) if role]
    for role in {*roles} - {*BUILT_IN}:
        if ":" not in role:
            await administration.roles.add(role, "", ROOT)
    mine = (row["role"],) if row["role"] else ()
    await directory.add_account(Account("ann", "user", "hash", locked=bool(row["locked"]), roles=mine))
    await directory.add_account(Account("bob", "user", "hash"))
    await directory.add_account(Account("ci", "robot", "hash"))
    new = NewRule.parse(str(row["pattern"]), str(row["actions"]), row["network"] or "*")
    await administration.rules.add(str(row["subject"]), new, ROOT)
    access = to_repository(RepositoryName.parse(str(row["name"])), NEEDS[str(row["action"])])
    asker = "anonymous" if who == "nobody" else who
    return await administration.explainer.explain(asker, access, row["address"] or "")


def test_the_configuration(tmp_path: Path) -> None:
    """The one at the top is one that the program takes, but for the certificate, which lies nowhere here."""
    [text] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    document = yaml.safe_load(text)
    del document["http"]["tls"]
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(document))
    assert load(path, {}).settings.auth is not None


def test_the_roles() -> None:
    """All that are there from the beginning are named."""
    for role in (*BUILT_IN, *(name for name, _, _ in READY_ROLES)):
        assert f"`{role}`" in PAGE
