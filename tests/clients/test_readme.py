# SPDX-License-Identifier: Apache-2.0
"""README.md, command by command, on a machine that knows nothing of the registry but its name."""

from __future__ import annotations

import re

import pytest

from support import programs
from support.boxes import Box
from support.terminals import run_on_terminal

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("docker")]

HOST = "registry.example.com"
PASSWORD = "correct horse battery"
PLACE = "/home/you/entrepot"


def _read_commands(heading: str) -> list[str]:
    """The commands of the first block below a heading that begins so."""
    readme = (programs.PROJECT / "README.md").read_text()
    found = re.search(rf"^## {re.escape(heading)}.*?^```sh\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert found, f"README.md has no block of commands below {heading!r}"
    return found[1].splitlines()


def test_five_commands(rootfs: bytes) -> None:
    """From nothing to a push by a named user over TLS that docker trusts, with five commands as they stand there."""
    commands = _read_commands("With TLS and a named user")
    assert len(commands) <= 5
    serve, *others = commands
    assert serve.endswith(" &")
    with Box(hosts=[HOST]) as box:
        # The tree as it is here, with what `make` set up in it, seen at another place and written to in memory alone.
        box.run(["sh", "-c", f"mkdir -p {PLACE} && cp -a '{programs.PROJECT}/.' {PLACE}/ && rm -rf {PLACE}/entrepot-*"])
        box.start_docker()
        box.run(["docker", "import", "-", "alpine"], stdin=rootfs)
        ready = ["curl", "-fsS", "-o", "/dev/null", f"https://{HOST}:5000/healthz", "--cacert"]
        authority = f"/etc/docker/certs.d/{HOST}:5000/ca.crt"
        server = box.start("make serve", ["sh", "-c", serve.removesuffix(" &")], [*ready, authority], cwd=PLACE)
        assert re.search(r"admin\b.*password|password.*\badmin\b", server.log(), re.IGNORECASE | re.DOTALL)
        for command in others:
            asking = [("assword", PASSWORD)]
            if "user add" in command:
                answers = [*asking, ("Repeat", PASSWORD)]
            elif "login" in command:
                answers = asking
            else:
                answers = []
            run_on_terminal(box.inside(["sh", "-c", command], cwd=PLACE), answers)
        box.run(["docker", "rmi", f"{HOST}:5000/alpine"])
        box.run(["docker", "pull", f"{HOST}:5000/alpine"])
        catalog = ["curl", "-fsS", "--cacert", authority, "-u", f"alice:{PASSWORD}", f"https://{HOST}:5000/v2/_catalog"]
        assert box.run(catalog) == '{"repositories":["alpine"]}\n'
        box.run(["docker", "logout", f"{HOST}:5000"])
        assert box.run(["docker", "pull", f"{HOST}:5000/alpine"], fails=True)
