# SPDX-License-Identifier: Apache-2.0
"""Commands on a registry's configuration, run as a person would."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner, Result

from entrepot.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Commands:
    """With `config` as REGISTRY_CONFIGURATION_PATH."""

    config: Path

    def run(self, line: str, stdin: str | bytes = "") -> Result:
        """What is behind ``entrepot``; an error that nobody caught fails the test."""
        bare = {key: None for key in os.environ if key.startswith("REGISTRY_")}
        env = {**bare, "REGISTRY_CONFIGURATION_PATH": str(self.config)}
        done = CliRunner().invoke(main, shlex.split(line), input=stdin, env=env)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        assert "Traceback" not in done.output
        return done

    def do(self, line: str, stdin: str | bytes = "") -> str:
        """What it writes on standard output; it must end with 0."""
        done = self.run(line, stdin)
        assert done.exit_code == 0, (line, done.output)
        return done.stdout

    def refuse(self, line: str, stdin: str | bytes = "", status: int = 1) -> str:
        """Why it ends with `status`."""
        done = self.run(line, stdin)
        assert done.exit_code == status, (line, done.output)
        return done.stderr

    def read(self, line: str) -> Any:
        """The JSON that it writes."""
        return json.loads(self.do(f"{line} --json"))


def write_config(directory: Path, auth: str = "auth: {accounts: {}}\n") -> Path:
    """A configuration with a new data directory below ``directory``."""
    data = directory / "data"
    data.mkdir()
    path = directory / "config.yml"
    path.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {data}}}}}\nhttp: {{addr: ':5005'}}\n{auth}"
    )
    return path
