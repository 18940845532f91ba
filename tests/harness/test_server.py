# SPDX-License-Identifier: Apache-2.0
"""The registry as the tests start it: several processes, restarted on its data, ended whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.daemons import Died
from support.server import Server, run_entrepot

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartServer


def test_it_runs_as_several_processes_and_ends_whole(server: Server) -> None:
    """A supervisor and two workers at least run in one process group; after stop() none of them does."""
    assert len(server.daemon.group()) >= 3
    assert server.stop() == 0
    assert server.daemon.group() == []


def test_it_serves_its_data_after_a_restart_and_after_a_kill(server: Server) -> None:
    """What was pushed is served on the same address after a graceful restart and after kill -9 of all processes."""
    made = transfer.push(server.client(), "team/app", images.index(), "1.0")
    address = server.url
    server.restart()
    assert server.url == address
    transfer.assert_serves(server.client(), "team/app", made, ["1.0"])
    server.kill()
    assert server.daemon.group() == []
    server.start()
    transfer.assert_serves(server.client(), "team/app", made, ["1.0"])


def test_sha512_content_is_pushed_and_served(server: Server) -> None:
    """An index whose every digest is sha512 is pushed with a tag as parameter and served byte for byte."""
    made = images.index(algorithm="sha512")
    transfer.push(server.client(), "team/app", made, "1.0")
    assert made.digest.startswith("sha512:")
    transfer.assert_serves(server.client(), "team/app", made, ["1.0"])


def test_a_start_that_is_refused_shows_what_it_said(start_server: StartServer) -> None:
    """A registry that does not start raises with its status and its words."""
    with pytest.raises(Died, match="auth") as refused:
        start_server({"auth": {"htpasswd": {"realm": "r"}}})
    assert refused.value.status not in {None, 0}


def test_a_command_runs_to_its_end(tmp_path: Path) -> None:
    """Commands that end give status and output, with no configuration leaking in from this process's environment."""
    (tmp_path / "config.yml").write_text("version: 0.1\nstorage: {filesystem: {rootdirectory: here}}\n")
    done = run_entrepot("config", "check", tmp_path / "config.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "here" in done.stdout
