# SPDX-License-Identifier: Apache-2.0
"""podman, buildah and skopeo with storage and settings of their own, so that the machine's stay as they are."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Self

from support import programs

PLAIN_HTTP = "--tls-verify=false"


class Containers:
    """The three programs of the containers project over one directory, removed at the end."""

    def __init__(self) -> None:
        # Not pytest's directory: podman takes no runroot of more than 50 characters.
        self.home = Path(tempfile.mkdtemp(prefix="ep-"))
        self.policy = self._file("policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}')
        self._env = {
            "CONTAINERS_REGISTRIES_CONF": str(self._file("registries.conf", "unqualified-search-registries = []\n")),
            "REGISTRY_AUTH_FILE": str(self._file("auth.json", "{}")),
        }

    def _file(self, name: str, content: str) -> Path:
        path = self.home / name
        path.write_text(content)
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        shutil.rmtree(self.home)

    @property
    def _storage(self) -> list[str | Path]:
        return ["--root", self.home / "root", "--runroot", self.home / "run", "--storage-driver", "vfs"]

    def podman(self, *arguments: str | Path, stdin: bytes | None = None, fails: bool = False) -> str:
        """Run `podman ARGUMENTS` and return what it printed, without the last newline."""
        programs.need_root("for podman's own storage")
        command = ["podman", *self._storage, "--cgroup-manager", "cgroupfs", *arguments]
        return programs.run(command, stdin=stdin, env=self._env, fails=fails).strip()

    def buildah(self, *arguments: str | Path, fails: bool = False) -> str:
        """Run `buildah ARGUMENTS` and return what it printed, without the last newline."""
        programs.need_root("for buildah's own storage")
        return programs.run(["buildah", *self._storage, *arguments], env=self._env, fails=fails).strip()

    def skopeo(self, *arguments: str | Path, fails: bool = False) -> str:
        """Run `skopeo ARGUMENTS` and return what it printed, without the last newline."""
        return programs.run(["skopeo", "--policy", self.policy, *arguments], env=self._env, fails=fails).strip()
