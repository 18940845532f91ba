# SPDX-License-Identifier: Apache-2.0
"""A registry on a directory, and `entrepot fsck` on it."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from entrepot.cli.main import main
from support.houses import House, open_house
from support.rooms import open_directory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


@dataclass(frozen=True)
class Premises:
    """A data directory with its index beside it, and a configuration that names it."""

    root: Path
    config: Path

    def work(self, job: Callable[[House], Awaitable[None]]) -> None:
        """Do something in it as a process of a server would."""

        async def working() -> None:
            index = self.root / "entrepot/index.sqlite3"
            with open_directory(self.root, fsync=False) as storage, open_house(storage, index) as house:
                await house.index.completeness.mark_whole()
                await job(house)

        asyncio.run(working())

    def run(self, *options: str) -> Result:
        """Run the command as a person would; an error that nobody caught fails the test."""
        done = CliRunner().invoke(main, ["fsck", str(self.config), *options], env=_bare())
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done

    def check(self, *options: str) -> list[dict[str, Any]]:
        """What it finds; the status agrees with that."""
        done = self.run("--json", *options)
        *findings, summary = [json.loads(line) for line in done.stdout.splitlines()]
        assert summary["kind"] == "summary"
        wrong = [one for one in findings if one["remains"] and one["severity"] != "information"]
        assert summary["errors"] + summary["warnings"] == len(wrong)
        assert done.exit_code == int(bool(wrong)), done.output
        return findings

    def kinds(self, *options: str) -> list[str]:
        """The kinds of what it finds, sorted."""
        return sorted(one["kind"] for one in self.check(*options))


def _bare() -> dict[str, str | None]:
    return {key: None for key in os.environ if key.startswith("REGISTRY_")}


@pytest.fixture
def premises(tmp_path: Path) -> Premises:
    """An empty data directory."""
    root = tmp_path / "data"
    with open_directory(root, fsync=False):
        pass
    config = tmp_path / "config.yml"
    config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root}}}}}\n")
    return Premises(root, config)
