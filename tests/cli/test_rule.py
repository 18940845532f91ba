# SPDX-License-Identifier: Apache-2.0
"""`entrepot rule`, `entrepot role` and `entrepot access`: what is allowed, to whom, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.commands import Commands, write_config

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    """On a registry that was never started."""
    return Commands(write_config(tmp_path))


def test_rules(commands: Commands) -> None:
    """A rule is added, listed and removed by its number; what is no rule is refused in a sentence."""
    said = commands.do("rule add everyone 'team/**' pull --from 10.0.0.0/8 --comment 'of the team'")
    number = int(said.split()[1].rstrip(":"))
    assert said == f"rule {number}: role everyone: team/** pull from 10.0.0.0/8\n"
    [rule] = [one for one in commands.read("rule list") if one["id"] == number]
    assert (rule["subject"], rule["actions"], rule["comment"]) == ("role:everyone", ["pull"], "of the team")
    row = next(line for line in commands.do("rule list").splitlines() if line.startswith(f"{number} "))
    assert row.split() == [str(number), "role:everyone", "team/**", "pull", "10.0.0.0/8", "of", "the", "team"]
    assert len(commands.read("rule list --of everyone")) == 1
    assert "pull,push" in commands.run("rule add anonymous 'drop/*' push").stderr
    commands.do(f"rule remove {commands.read('rule list --of anonymous')[0]['id']}")
    assert commands.read("rule list --of anonymous") == []
    for line, why in (
        ("rule add everyone 'team/**' pull --from 10.0.0.0/8", "already"),
        ("rule add ann 'team/**' pull", "no subject"),
        ("rule add user:ann 'team/**' pull", "ann"),
        ("rule add everyone 'TEAM' pull", "no pattern"),
        ("rule add everyone 'team' read", "pull, push, delete"),
        ("rule add everyone 'team' pull --from inside", "no network"),
        ("rule add role:administrators 'team' pull", "everything already"),
    ):
        assert why in commands.refuse(line)
    assert "removed rule" in commands.do(f"rule remove {number}")
    assert "no rule with the number" in commands.refuse(f"rule remove {number}")
    commands.refuse("rule remove x", status=2)


def test_roles(commands: Commands) -> None:
    """A role is made, shown with its rules and accounts, and removed with both."""
    commands.do("role add builders --comment 'they build'")
    commands.do("user add ann --no-password --role builders")
    commands.do("robot add ci --role builders")
    commands.do("rule add role:builders 'build/**' '*'")
    shown = commands.read("role show builders")
    assert (shown["comment"], shown["accounts"]) == ("they build", ["ann", "ci"])
    assert shown["rules"][0]["actions"] == ["pull", "push", "delete"]
    said = commands.do("role show builders")
    assert "they build" in said
    assert "ann, ci" in said
    names = [one["name"] for one in commands.read("role list")]
    assert names == ["administrators", "anonymous", "builders", "everyone", "read-all", "write-all"]
    assert "ann,ci" in commands.do("role list")
    assert "already" in commands.refuse("role add builders")
    assert "built in" in commands.refuse("role remove everyone")
    commands.do("role remove builders")
    assert "no role 'builders'" in commands.refuse("role show builders")
    assert commands.read("user show ann")["roles"] == []
    assert commands.read("rule list --of role:builders") == []


def test_explain(commands: Commands) -> None:
    """Status 0 with the rule where it is allowed, 1 with the reasons where not."""
    commands.do("user add ann --generate")
    commands.do("rule add user:ann 'team/*' pull --from 10.0.0.0/8")
    assert commands.do("access explain ann team/app pull --ip 10.1.2.3") == (
        "yes: ann may pull team/app from 10.1.2.3\n  user ann: team/* pull from 10.0.0.0/8\n"
    )
    done = commands.run("access explain ann team/app pull --ip 192.0.2.7")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (1, "no: ann may not pull team/app from 192.0.2.7")
    assert "does not hold from 192.0.2.7" in done.stdout
    assert commands.run("access explain nobody team/app pull").exit_code == 1
    assert commands.run("access explain anonymous team/app pull").exit_code == 1
    assert "no address" in commands.refuse("access explain ann team/app pull --ip inside", status=2)
    assert "upper-case" in commands.refuse("access explain ann TEAM pull")
    commands.refuse("access explain ann team/app eat", status=2)
