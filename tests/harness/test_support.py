# SPDX-License-Identifier: Apache-2.0
"""The tests' own ground: skips by name, skips that fail, programs that leave nobody behind, images that pull."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support import daemons, images, programs, transfer
from support.daemons import Daemon, Died
from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartPeer

SKIPPING = """
import pytest
def test_plain(): pytest.skip("crane is not installed: do this")
@pytest.mark.may_skip(reason="no kernel module here")
def test_allowed(): pytest.skip("no module")
@pytest.mark.xfail(reason="known", strict=True)
def test_known(): raise AssertionError
@pytest.mark.soak
def test_long(): raise AssertionError
"""


def run_pytest(directory: Path, **env: str) -> str:
    """The last lines of pytest on the module SKIPPING under the conftest of this project."""
    (directory / "pyproject.toml").write_text((programs.PROJECT / "pyproject.toml").read_text())
    (directory / "tests").mkdir()
    (directory / "tests" / "test_skips.py").write_text(SKIPPING)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "ENTREPOT_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider"],
        cwd=directory,
        env={**inherited, "PYTHONPATH": str(programs.PROJECT / "tests"), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout + done.stderr


def test_a_missing_program_skips_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A test that needs a program which is not there is skipped with its name and the command that installs it."""
    assert programs.find("ip")
    monkeypatch.setattr(programs, "SEARCH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=r"skopeo is not installed: .*apt-get install.* skopeo"):
        programs.find("skopeo")


def test_skips_pass_on_a_machine_of_a_person(tmp_path: Path) -> None:
    """Without ENTREPOT_NO_SKIPS a skip is a skip, and long forms are deselected."""
    assert "2 skipped, 1 deselected, 1 xfailed" in run_pytest(tmp_path)


def test_skips_fail_in_ci(tmp_path: Path) -> None:
    """With ENTREPOT_NO_SKIPS=1 a skip fails with its reason, unless the test is marked may_skip."""
    said = run_pytest(tmp_path, ENTREPOT_NO_SKIPS="1")
    assert "1 failed, 1 skipped, 1 deselected, 1 xfailed" in said
    assert "nothing may be skipped here (ENTREPOT_NO_SKIPS=1): crane is not installed: do this" in said


def test_stopping_a_program_ends_its_children(tmp_path: Path) -> None:
    """After stop() nobody of the program's process group is alive, children that ignore SIGTERM included."""
    daemon = Daemon("sh", tmp_path / "log")
    script = "trap '' TERM; (echo child; while :; do read -r line; sleep 100; done) & trap - TERM; echo up; wait"
    daemon.start(["/bin/sh", "-c", script], env=os.environ)
    until(lambda: "up" in daemon.log() and "child" in daemon.log(), what="both shells speak")
    assert len(daemon.group()) >= 2
    daemon.stop(seconds=5)
    assert daemon.group() == []
    assert not daemon.running


def test_a_program_that_dies_at_once_says_why(tmp_path: Path) -> None:
    """A start that fails raises with the program's status and everything it said."""
    daemon = Daemon("sh", tmp_path / "log")
    daemon.start(["/bin/sh", "-c", "echo no such luck; exit 3"], env=os.environ)
    with pytest.raises(Died, match="no such luck") as death:
        daemon.await_ready(lambda: False, seconds=10)
    assert death.value.status == 3


@pytest.mark.peers
@pytest.mark.parametrize("style", ["oci", "docker"])
def test_the_reference_registry_takes_our_images(start_peer: StartPeer, style: images.Style) -> None:
    """What images.py makes is valid: docker-registry accepts images and indexes and serves them byte for byte."""
    client = start_peer().client()
    made = transfer.push(client, "team/app", images.index(style=style), "1")
    transfer.assert_serves(client, "team/app", made, ["1"])
    assert len({blob.digest for each in made.walk() for blob in each.blobs}) == 6


@pytest.mark.peers
def test_the_reference_registry_keeps_its_data_over_a_restart(start_peer: StartPeer) -> None:
    """A registry restarted on the same data and port serves what it had; chunked uploads work on the way."""
    peer = start_peer()
    content = images.blob(5000)
    transfer.push_blob(peer.client(), "team/app", content, chunk=2048)
    before = peer.url
    peer.restart()
    assert peer.url == before
    assert transfer.pull_blob(peer.client(), "team/app", content.digest) == content.data


def test_a_failure_shows_what_programs_said_meanwhile(tmp_path: Path) -> None:
    """Only what a program said since the test began is shown with its failure."""
    daemon = Daemon("sh", tmp_path / "log")
    daemon.start(["/bin/sh", "-c", "echo early; exec sleep 60"], env=os.environ, cwd=tmp_path)
    until(lambda: "early" in daemon.log(), what="the first word")
    assert daemon in daemons.involved()
    daemons.begin_test()
    assert daemon not in daemons.involved()
    daemon.stop()
