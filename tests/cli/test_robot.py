# SPDX-License-Identifier: Apache-2.0
"""`entrepot robot`: accounts of programs and their tokens."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from entrepot.app.opening import open_parts
from entrepot.auth.generated import verify_token
from entrepot.config.load import load
from support.certificates import issue
from support.commands import Commands, write_config

if TYPE_CHECKING:
    from pathlib import Path

    from entrepot.index.directory import Account


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


def test_tokens(commands: Commands) -> None:
    """The token is alone on standard output, once; the line that logs in with it is beside, and names the host."""
    done = commands.run("robot add ci --rule 'team/**=pull,push' --rule 'lib/*=pull' --expires 90d --comment builds")
    assert done.exit_code == 0, done.output
    token = done.stdout.removesuffix("\n")
    assert verify_token(find(commands, "ci").secret, token)
    assert "docker login --username ci --password-stdin localhost:5005" in done.stderr
    assert token not in done.stderr
    assert [rule["pattern"] for rule in commands.read("robot show ci")["rules"]] == ["team/**", "lib/*"]
    for line in ("robot list", "robot show ci", "robot list --json", "robot show ci --json"):
        said = commands.do(line)
        assert "ept_" not in said
        assert "sha256" not in said
    another = commands.do("robot renew ci").removesuffix("\n")
    assert verify_token(find(commands, "ci").secret, another)
    assert not verify_token(find(commands, "ci").secret, token)


@pytest.mark.parametrize(
    ("expires", "days"), [("", 365), ("--expires 90d", 90), ("--expires 12h", 0.5), ("--expires 4w", 28)]
)
def test_expiry(commands: Commands, expires: str, days: float) -> None:
    """Hours, days and weeks from now; a year where nothing is said, for a renewed one as well."""
    for line in (f"robot add ci {expires}", f"robot renew ci {expires}"):
        commands.do(line)
        ends = find(commands, "ci").expires_at
        assert ends is not None
        assert abs(ends - time.time() - days * 86400) < 60
    commands.do("robot renew ci --expires never")
    assert find(commands, "ci").expires_at is None


def test_change(commands: Commands) -> None:
    """Robots are locked, given roles and removed as users are; a removed one leaves no rule."""
    commands.do("robot add ci --rule 'team/**=pull'")
    commands.do("robot lock ci")
    assert find(commands, "ci").locked
    assert "locked" in commands.do("robot list")
    commands.do("robot unlock ci")
    with open_parts(load(commands.config, {}).settings) as (_, index):
        asyncio.run(index.directory.renew_secret("ci", "sha256:x", time.time() - 1))
    assert "expired" in commands.do("robot list")
    commands.do("robot grant ci read-all")
    assert find(commands, "ci").roles == ("read-all",)
    assert "is a robot, not a user" in commands.refuse("user lock ci")
    commands.do("robot remove ci")
    assert commands.read("robot list") == []
    assert commands.read("rule list --of robot:ci") == []


def test_refusals(commands: Commands) -> None:
    """What cannot be is refused in a sentence, and no robot is made."""
    for line, why, status in (
        ("robot add ci --expires soon", "90d", 2),
        ("robot add ci --expires 0d", "3650 days", 1),
        ("robot add ci --expires 9999w", "3650 days", 1),
        ("robot add ci --rule team", "PATTERN=ACTIONS", 2),
        ("robot add ci --rule team=eat", "pull, push, delete", 1),
        ("robot add ci --rule TEAM=pull", "no pattern", 1),
        ("robot add ci --role nothing", "no role 'nothing'", 1),
        ("robot renew ci", "no robot 'ci'", 1),
    ):
        assert why in commands.refuse(line, status=status)
    assert commands.read("robot list") == []


def test_the_name_of_the_certificate(tmp_path: Path) -> None:
    """Where TLS is served, its token is for the name that docker can verify."""
    files = issue(tmp_path / "certs", "registry.example.com")
    config = write_config(tmp_path)
    tls = f"tls: {{certificate: {files.certificate}, key: {files.key}}}"
    config.write_text(config.read_text().replace("':5005'", f"':5005', {tls}"))
    done = Commands(config).run("robot add ci")
    assert "docker login --username ci --password-stdin registry.example.com:5005" in done.stderr
