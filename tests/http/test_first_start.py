# SPDX-License-Identifier: Apache-2.0
"""The first start with accounts tells a person how to sign in, once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from support.accounts import accounts

if TYPE_CHECKING:
    from conftest import StartServer


def test_the_first_administrator(start_server: StartServer) -> None:
    """The password that the first start prints signs an administrator in; later starts print none."""
    server = start_server(accounts())
    said = re.findall(r"^  user      (\S+)\n  password  (\S+)$", server.log(), re.MULTILINE)
    assert len(said) == 1
    [(name, password)] = said
    answer = server.client().get("/api/v1/account", auth=(name, password))
    assert answer.status_code == 200
    assert "administrators" in answer.json()["roles"]
    assert server.client().get("/api/v1/account", auth=("admin", "admin")).status_code == 401
    assert server.client().get("/v2/").status_code == 401
    before = server.log()
    server.restart()
    after = server.log()[len(before) :]
    assert "listens on" in after
    assert "  password  " in before
    assert "  password  " not in after
    assert "one was made" not in after
    assert server.client().get("/api/v1/account", auth=(name, password)).status_code == 200


def test_without_accounts(start_server: StartServer) -> None:
    """Where nobody asks for accounts no administrator is made."""
    server = start_server()
    assert "administrator" not in server.log()
    assert server.client().get("/api/v1/users").status_code == 404
