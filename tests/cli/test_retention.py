# SPDX-License-Identifier: Apache-2.0
"""`entrepot retention`, with the server running and without it; docs/retention.md says the same."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from entrepot.config.load import load
from entrepot.index.ages import AgedTag
from entrepot.oci.digests import Digest
from entrepot.oci.globs import Globs
from entrepot.oci.names import Tag
from entrepot.registry.retention import Judge, Moment
from support import images, transfer
from support.server import run_entrepot
from support.waiting import until

if TYPE_CHECKING:
    from conftest import StartServer
    from support.server import Server

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "retention.md").read_text("utf-8")
CONFIG = "/etc/docker/registry/config.yml"
POLICY = {"repositories": ["team/*"], "keep": {"newest": 1, "matching": ["v*"]}, "drop": {"untagged": "1h"}}
HOUR = 3600.0


def retaining(interval: str = "24h", **more: Any) -> dict[str, Any]:
    """A configuration with :data:`POLICY`."""
    return {"retention": {"interval": interval, "policies": [POLICY]}, **more}


def age(server: Server) -> None:
    """Make all that is there a day older."""
    with closing(sqlite3.connect(server.root / "entrepot/index.sqlite3", timeout=10)) as connection, connection:
        connection.execute("UPDATE tags SET moved_at = moved_at - 86400")
        connection.execute("UPDATE revisions SET pushed_at = pushed_at - 86400")


def tags(server: Server, name: str = "team/app") -> list[str]:
    """As the API lists them."""
    listed: list[str] = server.client().get(f"/v2/{name}/tags/list").json()["tags"]
    return listed


def fill(server: Server) -> tuple[images.Manifest, images.Manifest]:
    """Tags old, new and v1 and an untagged image in a repository with a policy, and a tag in one without; the images
    that the policy lets go: the one tagged old, and the untagged one.
    """
    client = server.client()
    old, untagged = images.image(), images.image()
    transfer.push(client, "team/app", images.image(), "v1")
    transfer.push(client, "team/app", old, "old")
    transfer.push(client, "team/app", untagged)
    transfer.push(client, "other/app", old, "old")
    age(server)
    transfer.push(client, "team/app", images.image(), "new")
    return old, untagged


def run(server: Server, *words: str) -> str:
    """What `entrepot retention` says; it must end well."""
    done = run_entrepot("retention", *words, server.config_path)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_beside_a_server(start_server: StartServer) -> None:
    """The preview tells both images, why, and what comes free (not what another repository shares); it changes nothing.
    `run` takes just these, and `restore` brings one back.
    """
    server = start_server(retaining(storage={"delete": {"enabled": False}}))
    old, untagged = fill(server)
    *lines, total = [json.loads(line) for line in run(server, "preview", "--json").splitlines()]
    freed = len(untagged.data) + sum(blob.size for blob in untagged.blobs)
    assert lines == [
        {"kind": "tag", "repository": "team/app", "tag": "old", "digest": old.digest, "rule": "newest"},
        {"kind": "manifest", "repository": "team/app", "digest": old.digest, "rule": "orphaned"},
        {"kind": "manifest", "repository": "team/app", "digest": untagged.digest, "rule": "untagged"},
        {"kind": "repository", "repository": "team/app", "tags": 1, "manifests": 2, "bytes": freed, "blobs": 4},
    ]
    assert total == {"kind": "summary", "tags": 1, "manifests": 2, "bytes": freed, "blobs": 4}
    said = run(server, "preview")
    assert f"  old  {old.digest}  not among keep.newest\n" in said
    assert f"  {untagged.digest}  without tag, index or subject for drop.untagged\n" in said
    assert "1 tags and 2 manifests would go" in said
    assert tags(server) == ["new", "old", "v1"]
    assert run(server, "run") == "1 tags and 1 untagged manifests went to the trash\n"
    assert tags(server) == ["new", "v1"]
    assert tags(server, "other/app") == ["old"]
    assert run_entrepot("restore", f"team/app@{old.digest}", server.config_path).returncode == 0
    assert tags(server) == ["new", "old", "v1"]
    assert run(server, "run") == "0 tags and 0 untagged manifests went to the trash\n"


def test_without_a_server(start_server: StartServer) -> None:
    """The same on a directory that nobody serves, after what was pushed there was compared."""
    server = start_server(retaining())
    fill(server)
    server.stop()
    assert "1 tags and 2 manifests would go" in run(server, "preview")
    assert run(server, "run") == "1 tags and 1 untagged manifests went to the trash\n"
    server.start()
    assert tags(server) == ["new", "v1"]


def test_on_schedule(start_server: StartServer) -> None:
    """A server applies the policies each interval, also after a restart, and tells its log."""
    server = start_server(retaining(interval="1s"))
    fill(server)
    until(lambda: tags(server) == ["new", "v1"], what="the old tag went")
    until(lambda: "retention moved to the trash" in server.log(), what="the log tells it")
    server.restart()
    transfer.push(server.client(), "team/app", images.image(), "newer")
    until(lambda: tags(server) == ["newer", "v1"], what="the next one went")


def test_read_only(start_server: StartServer) -> None:
    """A read-only registry drops nothing, neither by itself nor when told to."""
    server = start_server(retaining())
    fill(server)
    server.stop()
    server.config["retention"]["interval"] = "1s"
    server.config["storage"]["maintenance"] = {"readonly": {"enabled": True}}
    server.start()
    done = run_entrepot("retention", "run", server.config_path)
    assert done.returncode == 1
    assert "read-only" in done.stderr
    until(lambda: "compared the index" in server.log(), what="the index is compared")
    assert "would go" in run(server, "preview")
    assert tags(server) == ["new", "old", "v1"]


def test_without_policies(server: Server) -> None:
    """Nothing would go, and the command says why."""
    fill(server)
    done = run_entrepot("retention", "run", server.config_path)
    assert done.stdout == "0 tags and 0 untagged manifests went to the trash\n"
    assert "no retention.policies" in done.stderr


def test_the_commands_on_the_page_run(start_server: StartServer) -> None:
    """Every command on the page ends with 0."""
    server = start_server(retaining())
    fill(server)
    commands = re.findall(r"^    entrepot (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 4
    for command in commands:
        words = [str(server.config_path) if word == CONFIG else word for word in shlex.split(command)]
        done = run_entrepot(*words)
        assert done.returncode == 0, (command, done.stderr)


def test_the_example_on_the_page(tmp_path: Path) -> None:
    """It is a configuration that starts without a warning but the one that the page names."""
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    config = tmp_path / "config.yml"
    config.write_text(f"version: 0.1\nstorage: inmemory\n{example}")
    loaded = load(config, {})
    assert len(loaded.settings.registry.retention.policies) == 3
    assert ["without another rule this drops nothing" in warning for warning in loaded.warnings] == [True]


EXAMPLES = re.findall(r"^\| (`(?:keep|drop).*?`) \| ((?:goes|stays) .*) \|$", PAGE, re.MULTILINE)
NAMES = (("v1", 500, 10), ("v2", 400, None), ("dev", 300, 250), ("pr-7", 200, 150), ("latest", 100, None))


@pytest.mark.parametrize(("policy", "outcomes"), EXAMPLES)
def test_the_table_on_the_page(tmp_path: Path, policy: str, outcomes: str) -> None:
    """Each row is what the program does."""
    rules = yaml.safe_load("{" + policy.replace("`", "") + "}")
    config = tmp_path / "config.yml"
    section = {"retention": {"policies": [{"repositories": ["**"], **rules}]}}
    config.write_text(f"version: 0.1\nstorage: inmemory\n{yaml.safe_dump(section)}")
    (read,) = load(config, {}).settings.registry.retention.policies
    now = 1e9
    digest = Digest.of(b"")
    aged = [
        AgedTag(Tag(name), digest, now - pushed * HOUR, True, None if pulled is None else now - pulled * HOUR)
        for name, pushed, pulled in NAMES
    ]
    judge = Judge(read, Moment(now, 0))
    judge.see(aged)
    going = {verdict.tag for verdict in judge.judge(aged)}
    assert ["goes" if tag.tag in going else "stays" for tag in aged] == outcomes.split(" | ")


def test_the_patterns_on_the_page() -> None:
    """Each row of the table of patterns is true; all examples of policies were found."""
    assert len(EXAMPLES) == 8
    rows = re.findall(r"^\| `([a-z*/]+)` \| (`.+?`) \| (`.+`) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    for pattern, matching, others in rows:
        globs = Globs([pattern])
        assert all(globs.match(name) for name in re.findall("`(.+?)`", matching)), pattern
        assert not any(globs.match(name) for name in re.findall("`(.+?)`", others)), pattern
