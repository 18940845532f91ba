# SPDX-License-Identifier: Apache-2.0
"""docs/fsck.md and the program say the same."""

import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from cli.conftest import Premises
from entrepot.cli.findings import TITLES
from entrepot.cli.main import main
from entrepot.registry.findings import SEVERITIES
from support import images
from support.houses import House, push
from support.rooms import NAME

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "fsck.md").read_text("utf-8")
CONFIG = "/etc/docker/registry/config.yml"


def test_the_commands_run(premises: Premises) -> None:
    """Every command on the page ends with 0 on a good registry."""

    async def fill(house: House) -> None:
        await push(house.registry, NAME, images.image(), "latest")

    premises.work(fill)
    commands = re.findall(r"^    entrepot (fsck .*)$", PAGE, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        arguments = [str(premises.config) if word == CONFIG else word for word in shlex.split(command)]
        assert str(premises.config) in arguments
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, (command, done.output)


def test_every_kind_is_there() -> None:
    """The table has one row for each kind, with its severity and in the order of the output; each has a hint."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert rows == list(SEVERITIES.items())
    assert TITLES.keys() == SEVERITIES.keys()


def test_the_example(premises: Premises) -> None:
    """The lines of the example are those that it writes."""
    said = premises.run().stdout
    assert said.splitlines()[-1] == "0 errors, 0 warnings, 0 for information; 0 more mended."
    title, hint = TITLES["wrong-bytes"]
    assert f"    error: {title} (1)\n      what to do: {hint}\n" in PAGE
