# SPDX-License-Identifier: Apache-2.0
"""The reference registry, docker-registry 2.8.2, as a real program: it reads what we wrote and writes what we read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support import programs
from support.registries import Registry, clean_environment

if TYPE_CHECKING:
    from pathlib import Path


class Peer(Registry):
    """A running docker-registry; the same interface as `Server`. Set `root` in `config` to serve other data."""

    name = "docker-registry"

    def command(self) -> list[str]:
        return [programs.find("docker-registry"), "serve", str(self.config_path)]


def collect_garbage(root: Path, home: Path, *, delete_untagged: bool = False, dry_run: bool = False) -> str:
    """Run the reference registry's offline collector on a data directory, and return what it printed."""
    config = home / "garbage-collect.yml"
    home.mkdir(parents=True, exist_ok=True)
    config.write_text(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{root}'}}}}\n")
    flags = [*(["--delete-untagged"] if delete_untagged else []), *(["--dry-run"] if dry_run else [])]
    return programs.run(["docker-registry", "garbage-collect", *flags, config], env=clean_environment())
