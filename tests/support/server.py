# SPDX-License-Identifier: Apache-2.0
"""`entrepot serve` as a real program over a real socket."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.registries import Registry, clean_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.namespaces import Namespace


def entrepot(*arguments: str | Path) -> list[str]:
    """The command line of the entrepot that is installed beside the Python that runs the tests."""
    return [str(Path(sys.executable).parent / "entrepot"), *map(str, arguments)]


class Server(Registry):
    """A running `entrepot serve`, by default with two workers. See `Registry` for `home`, `config` and the rest.

    .url, .host, .root, .pid, .log(), .client(), .start(), .stop(), .kill(), .restart(); also a context manager.
    """

    name = "entrepot serve"

    def __init__(
        self,
        home: Path,
        config: Mapping[str, Any] | None = None,
        *,
        workers: int = 2,
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        namespace: Namespace | None = None,
        ca: Path | None = None,
    ) -> None:
        super().__init__(home, config, env=env, namespace=namespace, ca=ca)
        self.workers = workers
        self.arguments = tuple(arguments)

    def command(self) -> list[str]:
        return entrepot("serve", "--workers", str(self.workers), *self.arguments, self.config_path)


def run_entrepot(
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    seconds: float = 30,
) -> subprocess.CompletedProcess[str]:
    """Run entrepot to its end, for commands that end and for starts that must be refused; no status is demanded."""
    return subprocess.run(
        entrepot(*arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**clean_environment(), **(env or {})},
        cwd=cwd,
        timeout=seconds,
        check=False,
    )
