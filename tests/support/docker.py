# SPDX-License-Identifier: Apache-2.0
"""A docker engine of the tests' own: its daemon, its data and its socket under one directory, gone afterwards."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from support import programs
from support.daemons import Daemon

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.namespaces import Namespace


class Docker:
    """A dockerd that touches neither the network nor the engine of the machine, and the command line that uses it.

    `trusted`: an authority's certificate for each HOST:PORT, in an /etc/docker/certs.d that this daemon alone sees.
    """

    def __init__(
        self,
        *,
        insecure: Sequence[str] = (),
        namespace: Namespace | None = None,
        trusted: Mapping[str, Path] | None = None,
    ) -> None:
        programs.need("docker", "dockerd")
        programs.need_root("for dockerd")
        # Not pytest's directory: the path of a unix socket may have 107 bytes.
        self.home = Path(tempfile.mkdtemp(prefix="ep-docker-"))
        self.socket = self.home / "d.sock"
        self.insecure = list(insecure)
        self.namespace = namespace
        self.trusted = dict(trusted or {})
        self.daemon = Daemon("dockerd", self.home / "dockerd.log")

    def __enter__(self) -> Self:
        settings = self.home / "daemon.json"
        settings.write_text(json.dumps({"insecure-registries": self.insecure}))
        places = ["--data-root", self.home / "data", "--exec-root", self.home / "exec", "--pidfile", self.home / "pid"]
        modest = ["--storage-driver", "vfs", "--iptables=false", "--ip-masq=false", "--bridge=none"]
        command = [programs.find("dockerd"), "--config-file", settings, *places, *modest, "-H", f"unix://{self.socket}"]
        argv = self._with_trust([str(part) for part in command])
        self.daemon.start(self.namespace.inside(argv) if self.namespace else argv, env=os.environ)
        self.daemon.await_ready(self._answers, seconds=60)
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.daemon.running:
            self.daemon.stop()
        shutil.rmtree(self.home)

    def _with_trust(self, argv: list[str]) -> list[str]:
        if not self.trusted:
            return argv
        etc = self.home / "etc-docker"
        for host, ca in self.trusted.items():
            place = etc / "certs.d" / host
            place.mkdir(parents=True)
            shutil.copy(ca, place / "ca.crt")
        Path("/etc/docker").mkdir(exist_ok=True)
        mount = 'mount --bind "$0" /etc/docker && exec "$@"'
        return [programs.find("unshare"), "--mount", "sh", "-c", mount, str(etc), *argv]

    def _answers(self) -> bool:
        try:
            self("version")
        except programs.Failed:
            return False
        return True

    def __call__(self, *arguments: str | Path, stdin: bytes | None = None, fails: bool = False) -> str:
        """Run `docker ARGUMENTS` on this engine and return what it printed, without the last newline."""
        env = {"DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(self.home / "client")}
        return programs.run(["docker", *arguments], stdin=stdin, env=env, fails=fails).strip()

    def make_image(self, name: str, rootfs: bytes, *, layers: Sequence[tuple[str, bytes]] = ()) -> str:
        """An image from a tar archive of its files, with one more layer for each (path, content); returns its id."""
        self("import", "--change", 'CMD ["/bin/echo", "hello from the image"]', "-", name, stdin=rootfs)
        for path, content in layers:
            source = self.home / "layer"
            source.write_bytes(content)
            container = self("create", "--network", "none", name)
            self("cp", source, f"{container}:{path}")
            self("commit", container, name)
            self("rm", container)
        return self.image_id(name)

    def image_id(self, name: str) -> str:
        """The digest of a local image's configuration."""
        return self("image", "inspect", "--format", "{{.Id}}", name)

    def has(self, name: str) -> bool:
        """Whether a local image has this name."""
        return bool(self("image", "ls", "--quiet", name))
