# SPDX-License-Identifier: Apache-2.0
"""Programs that tests need: found, or the test is skipped by the program's name with how to install it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROJECT = Path(__file__).resolve().parents[2]
PEERS = PROJECT / ".peers" / "bin"
# An ordinary person's PATH lacks the directories where dockerd, nginx and ip live, and everybody's that of postgres.
_POSTGRES = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
SEARCH = os.pathsep.join(
    [str(PEERS), os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin", *_POSTGRES]
)

_BY_SCRIPT = "bash tests/support/install-peers"
_PACKAGES = {
    "buildah": "buildah",
    "busybox": "busybox-static",
    "curl": "curl",
    "docker": "docker.io",
    "docker-registry": "docker-registry",
    "dockerd": "docker.io",
    "initdb": "postgresql",
    "ip": "iproute2",
    "nginx": "nginx",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "pg_dump": "postgresql",
    "podman": "podman",
    "postgres": "postgresql",
    "setpriv": "util-linux",
    "skopeo": "skopeo",
    "strace": "strace",
    "unshare": "util-linux",
    "wrk": "wrk",
}
_GO_TOOLS = {"crane", "oras", "regctl", "conformance"}


def how_to_install(name: str) -> str:
    """The command that brings this program, for the sentence of a skip."""
    if name in _GO_TOOLS:
        return f"{_BY_SCRIPT} (needs Go, and a module proxy that serves it)"
    if name in _PACKAGES:
        return f"sudo apt-get install --yes {_PACKAGES[name]} (all at once: sudo {_BY_SCRIPT})"
    raise KeyError(f"{name}: say in tests/support/programs.py how to install it")


def find(name: str) -> str:
    """The path of a program; the test that asks is skipped, by name, when it is not installed."""
    remedy = how_to_install(name)
    if path := shutil.which(name, path=SEARCH):
        return path
    pytest.skip(f"{name} is not installed: {remedy}")


def need(*names: str) -> None:
    """Skip the test that asks unless all these programs are installed."""
    for name in names:
        find(name)


def need_root(why: str) -> None:
    """Skip the test that asks unless it runs as root."""
    if os.geteuid() != 0:
        pytest.skip(f"root is needed {why}: run the tests with sudo")


def fails_quietly(argv: Sequence[str]) -> bool:
    """Whether a program that asks something says no."""
    return subprocess.run(argv, capture_output=True, check=False, timeout=30).returncode != 0


class Failed(AssertionError):
    """A program ended with another status than expected; the message holds everything it said."""


def run(
    argv: Sequence[str | Path],
    *,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seconds: float = 120,
    fails: bool = False,
) -> str:
    """Run a program to its end and return its standard output (with `fails`, output and errors together).

    It must succeed, or, with `fails`, must not. `env` is added to this process's environment.
    """
    command = [find(str(argv[0])) if os.sep not in str(argv[0]) else str(argv[0]), *map(str, argv[1:])]
    try:
        done = subprocess.run(
            command,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        said = b"\n".join(part for part in (late.stdout, late.stderr) if part).decode(errors="replace")
        raise Failed(f"not done within {seconds:g} s: {' '.join(command)}\n{said}") from late
    output, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if (done.returncode != 0) != fails:
        expected = "another status than 0" if fails else "status 0"
        raise Failed(f"{' '.join(command)}\nended with {done.returncode}, expected {expected}\n{output}{errors}")
    return output + errors if fails else output
