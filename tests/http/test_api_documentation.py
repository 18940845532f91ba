# SPDX-License-Identifier: Apache-2.0
"""docs/api.md and the registry say the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.accounts import ROOT, accounts, make_administrator
from support.programs import PROJECT

if TYPE_CHECKING:
    from conftest import StartServer
    from support.server import Server

PAGE = (PROJECT / "docs" / "api.md").read_text("utf-8")


def test_the_commands_run(server: Server) -> None:
    """Every command on the page, one after the other, answers JSON; the whole of what was deleted is there again once
    the last one was undone.
    """
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: sudo apt-get install --yes curl")
    client = server.client()
    made = transfer.push(client, "team/app", images.image(), "1.0")
    other = transfer.push(client, "team/app", images.image(), "2.0")
    commands = [one for one in re.findall(r"^    (curl .*)$", PAGE, re.MULTILINE) if "--user" not in one]
    assert len(commands) == 9
    for command in commands:
        answer = _run(command, server.url, other.digest)
        assert isinstance(json.loads(answer), dict), answer
    restored = _run(commands[-1].replace('{"tag": "1.0"}', "{}"), server.url, other.digest)
    assert len(json.loads(restored)["restored"]) >= 1
    transfer.assert_serves(client, "team/app", made, ["1.0"])


def test_the_commands_on_accounts(start_server: StartServer) -> None:
    """Every command that says who asks answers JSON, one after the other, where there are accounts."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: sudo apt-get install --yes curl")
    registry = start_server(accounts())
    make_administrator(registry)
    commands = re.findall(r"^    (curl .*--user .*)$", PAGE, re.MULTILINE)
    assert len(commands) == 15
    for command in commands:
        answer = _run(command, registry.url, "")
        assert "errors" not in json.loads(answer), answer
    noun = {path.split("/")[1].split("?")[0] for path in re.findall(r"REGISTRY/api/v1(/[^ \"]+)", "\n".join(commands))}
    assert noun == {"users", "robots", "roles", "rules", "account", "repositories"}


def test_the_preview(server: Server) -> None:
    """It has the fields that the page shows, in that order."""
    client = server.client()
    transfer.push(client, "team/app", images.image(), "1.0")
    [shown] = re.findall(r'^    (\{"tags".*\n.*\})$', PAGE, re.MULTILINE)
    said = client.get("/api/v1/repositories/team/app/-/reclaim", params={"tag": "1.0"}).json()
    assert list(json.loads(shown)) == list(said)


def _run(command: str, url: str, digest: str) -> str:
    done = subprocess.run(
        ["bash", "-c", command.replace("curl ", "curl --silent --show-error ", 1)],
        env={"REGISTRY": url, "DIGEST": digest, "ADMIN": ":".join(ROOT), "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout
