# SPDX-License-Identifier: Apache-2.0
"""The JSON API does what its document says, whatever is asked of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from entrepot.web.api.operations import find_place
from support import images, transfer
from support.accounts import ROOT, accounts, make_administrator
from support.api import delete
from support.approaches import basic
from support.unharmed import unharmed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx
    import pytest

    from conftest import StartServer
    from support.server import Server

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
SLOWED = "/account/password"
NAMES = ("team/app", "team/app/nested", "solo")
TAGS = ("1.0", "latest", "Old_1")
OPTIONS = (
    *("--checks", "all", "--mode", "all", "--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure"),
    *("--max-examples", "40", "--seed", "1", "--generation-database", "none", "--no-color"),
    *("--suppress-health-check", "filter_too_much,too_slow", "--warnings", "off"),
)
"""Patterns as narrow as those of digests are hard to break by chance, which hypothesis would call a fault."""


def test_it_finds_nothing(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    """With all its checks, good and bad values, and calls that follow from answers, schemathesis finds nothing; it
    came through to every operation, and the server is unharmed.
    """
    server = start_server()
    _assert_nothing_is_found(server, server.client(), (), tmp_path_factory.mktemp("schemathesis"))


def test_it_finds_nothing_with_accounts(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same of a registry with accounts, asked by an administrator, who is there afterwards as well.

    But for changing one's own password: wrong ones are slowed on purpose, by address, so that it would take hours.
    """
    server = start_server(accounts())
    make_administrator(server)
    client = server.client()
    client.auth = ROOT
    assert client.delete("/api/v1/users/admin").status_code == 200, "else the one who asks could be removed"
    known = ("--header", f"Authorization: {basic(*ROOT)}")
    options = (*known, "--exclude-path", SLOWED)
    _assert_nothing_is_found(server, client, options, tmp_path_factory.mktemp("schemathesis"))
    assert client.get("/api/v1/account").json()["roles"] == ["administrators", "anonymous", "everyone"]


def _assert_nothing_is_found(server: Server, client: httpx.Client, options: Sequence[str], directory: Path) -> None:
    digests = fill(client)
    pushed = json.dumps([NAMES, TAGS, digests, ["", "0", "1", "7"]])
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/api/v1/openapi.json"]
    with unharmed(server):
        done = subprocess.run(
            [*command, *OPTIONS, *options],
            cwd=directory,
            env={**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS), "PUSHED": pushed},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "No issues found" in done.stdout
    document = client.get("/api/v1/openapi.json").json()
    described = {(method.upper(), path) for path, entry in document["paths"].items() for method in entry}
    left = {("PARAMETERS", path) for path in document["paths"]} | {("POST", SLOWED)}
    assert described - answered(server) <= left


def answered(server: Server) -> set[tuple[str, str]]:
    """Which operations did what they are for, by the access log."""
    lines = re.findall(r'"([A-Z]+) /api/v1(/[^ ?]*)[^ ]* HTTP/1.1" 2\d\d ', server.log())
    return {(method, find_place(path).template) for method, path in lines}


def fill(client: httpx.Client) -> list[str]:
    """Push images that share nothing, and delete one; the digests of their manifests."""
    made = {(name, tag): transfer.push(client, name, images.image(layers=1), tag) for name in NAMES for tag in TAGS}
    delete(client, "solo", "tags", "1.0")
    return [content.digest for content in made.values()]
