# SPDX-License-Identifier: Apache-2.0
"""A data directory full of things that no registry made: it is checked to the end, nothing of it is lost, and a server
starts on it and serves what is good.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from support import images, transfer
from support.garbage import contents, litter
from support.server import run_entrepot
from support.unharmed import FAULTS, processes
from support.waiting import until

if TYPE_CHECKING:
    from conftest import StartServer

ENDED = ("adopted what storage holds", "compared the index with storage")


@pytest.mark.parametrize("seed", range(3))
def test_garbage(start_server: StartServer, seed: int) -> None:
    """With five hundred odd things in it, and without its index: a check and a repair end with findings and without a
    fault; every file is there afterwards, but links of half tags; the server adopts all, and the images pull whole.
    """
    server = start_server(workers=1)
    client = server.client()
    made = {"team/box": images.image(), "team/box/nested": images.index(), "other": images.image(algorithm="sha512")}
    for name, content in made.items():
        transfer.push(client, name, content, "1.0")
    server.stop()
    for path in (server.root / "entrepot").glob("index.sqlite3*"):
        path.unlink()
    chance = random.Random(seed)
    assert litter(server.root, chance, 500) > 300
    before = contents(server.root)
    for options in (["--full"], ["--full", "--repair"], ["--full"]):
        said = run_entrepot("fsck", str(server.config_path), "--json", *options, seconds=120)
        assert said.returncode in {0, 1}, said.stderr
        assert "Traceback" not in said.stderr
        findings = [json.loads(line) for line in said.stdout.splitlines()]
        assert findings[-1]["kind"] == "summary"
        assert len(findings) > 100
        assert not [one for one in findings if "could not be mended" in one.get("done", "")]
        assert not [one for one in findings if one["kind"] in {"incomplete-image", "index-differs"} and one["remains"]]
    after = contents(server.root)
    gone = [path for path in before if after.get(path) != before[path]]
    assert all(b"/_manifests/tags/" in path and path.endswith(b"/link") for path in gone), gone
    said_before = len(server.log())
    server.start()
    until(lambda: any(words in server.log()[said_before:] for words in ENDED), what="all is adopted", seconds=60)
    client, before_pulls = server.client(), processes(server)
    for name, content in made.items():
        transfer.assert_serves(client, name, content, ["1.0"])
    assert {*made} <= {*client.get("/v2/_catalog").json()["repositories"]}
    assert processes(server) == before_pulls
    assert not [line for line in server.log()[said_before:].splitlines() if any(fault in line for fault in FAULTS)]
