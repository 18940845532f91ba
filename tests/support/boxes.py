# SPDX-License-Identifier: Apache-2.0
"""A machine within the machine: a root file system that sees this one and keeps what it changes in memory, and
a network of its own that has nothing but loopback. For files that must lie where people have them: /certs, /etc/hosts.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from support import programs
from support.daemons import Daemon
from support.registries import clean_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SET_UP = """
set -e
mount -t tmpfs box "$1/top"
mkdir "$1/top/changes" "$1/top/work"
mount -t overlay box -o "lowerdir=/,upperdir=$1/top/changes,workdir=$1/top/work" "$1/root"
for below in proc dev sys; do mount --rbind "/$below" "$1/root/$below"; done
if ! [ -e "$1/root$2/pyproject.toml" ]; then  # it lies on a file system of its own, which the overlay does not show
  mkdir -p "$1/root$2"
  mount --bind "$2" "$1/root$2"
fi
mount -t tmpfs box "$1/root/run"
ip link set lo up
touch "$1/root/run/box"
exec chroot "$1/root" sleep infinity
"""


class Box:
    """Mount and network namespaces, kept by a process that sleeps; gone with it. `hosts`: names of this machine."""

    def __init__(self, *, hosts: Sequence[str] = ()) -> None:
        programs.need("unshare", "nsenter", "ip")
        programs.need_root("to make a machine within the machine")
        self._hosts = hosts
        self.home = Path(tempfile.mkdtemp(prefix="ep-box-"))
        self._keeper = Daemon("box", self.home / "box.log")
        self._daemons: list[Daemon] = []

    def __enter__(self) -> Self:
        for name in ("top", "root"):
            (self.home / name).mkdir()
        new = ["unshare", "--mount", "--net", "--propagation", "private"]
        self._keeper.start(
            [*new, "sh", "-c", _SET_UP, "sh", self.home, programs.PROJECT], env={"PATH": programs.SEARCH}
        )
        self._keeper.await_ready(lambda: not programs.fails_quietly(self.inside(["test", "-e", "/run/box"])))
        self.write("/etc/hosts", "".join(f"127.0.0.1 {name}\n" for name in ("localhost", *self._hosts)))
        return self

    def __exit__(self, *_exception: object) -> None:
        for daemon in reversed(self._daemons):
            if daemon.running:
                daemon.stop()
        self._keeper.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def inside(self, command: Sequence[str | Path], *, cwd: str | Path = "/") -> list[str]:
        """The command line that runs `command` in the box."""
        enter = ["nsenter", "--target", str(self._keeper.pid), "--mount", "--net", "--root", f"--wdns={cwd}", "--"]
        return [*enter, *map(str, command)]

    def run(
        self,
        command: Sequence[str | Path],
        *,
        cwd: str | Path = "/",
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        fails: bool = False,
    ) -> str:
        """Run it to its end in the box; see `programs.run`."""
        return programs.run(self.inside(command, cwd=cwd), stdin=stdin, env=env, fails=fails)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        ready: Sequence[str],
        *,
        cwd: str | Path = "/",
        env: Mapping[str, str] | None = None,
        seconds: float = 60,
    ) -> Daemon:
        """Run it in the box until the box goes; returns when the command `ready` succeeds."""
        daemon = Daemon(name, self.home / f"{name.replace(' ', '-')}.log")
        self._daemons.append(daemon)
        daemon.start(self.inside(command, cwd=cwd), env={**clean_environment(), **(env or {})})
        daemon.await_ready(lambda: not programs.fails_quietly(self.inside(ready)), seconds=seconds)
        return daemon

    def start_docker(self) -> Daemon:
        """A docker engine as people have it: its socket, its certs.d and its daemon.json where they always are."""
        modest = ["--storage-driver", "vfs", "--iptables=false", "--ip-masq=false", "--bridge=none"]
        places = ["--data-root", "/run/docker-data", "--exec-root", "/run/docker-exec", "--pidfile", "/run/docker.pid"]
        return self.start("dockerd", [programs.find("dockerd"), *places, *modest], ["docker", "version"])

    def write(self, path: str, content: str | bytes, *, mode: str = "644") -> None:
        """A file of the box, with the directories above it."""
        data = content.encode() if isinstance(content, str) else content
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"'
        self.run(["sh", "-c", script, "sh", path, mode], stdin=data)

    def read(self, path: str) -> str:
        """What a file of the box says."""
        return self.run(["cat", path])
