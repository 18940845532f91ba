# SPDX-License-Identifier: Apache-2.0
"""A registry that runs as a program of its own: what entrepot and the reference peer have in common under test."""

from __future__ import annotations

import copy
import os
import ssl
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import httpx
import yaml

from support import programs
from support.daemons import Daemon
from support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.namespaces import Namespace

Config = dict[str, Any]

_ANSWERS = "import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=2)"


class Registry:
    """One registry process (group) with a configuration file, a data directory and a log under `home`.

    `config` is merged over the defaults (filesystem storage in `root`, deletes on, a free loopback port); a key
    given as None is left out of the file (`{"storage": {"filesystem": None, "inmemory": {}}}`). With `namespace` it
    runs there and listens on that namespace's address. With `http.tls` clients trust `ca`, a PEM file, and nobody else.
    """

    name = "registry"

    def __init__(
        self,
        home: Path,
        config: Mapping[str, Any] | None = None,
        *,
        env: Mapping[str, str] | None = None,
        namespace: Namespace | None = None,
        ca: Path | None = None,
    ) -> None:
        self.home = home
        self.ca = ca
        self.root = home / "data"
        self.env = dict(env or {})
        self.namespace = namespace
        address = namespace.address if namespace else "127.0.0.1"
        defaults: Config = {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self.root)}, "delete": {"enabled": True}},
            "http": {"addr": f"{address}:{free_port()}"},
        }
        self.config = merged(defaults, config or {})
        self.config_path = home / "config.yml"
        self.daemon = Daemon(self.name, home / "registry.log")
        self._clients = ExitStack()

    def command(self) -> list[str]:
        """The command line that serves `config_path`."""
        raise NotImplementedError

    @property
    def host(self) -> str:
        """What stands before the first slash of an image's name: ADDRESS:PORT."""
        return str(self.config["http"]["addr"])

    @property
    def url(self) -> str:
        """The base URL, with no slash at the end."""
        scheme = "https" if self.config["http"].get("tls") else "http"
        return "http://localhost" if self._socket else f"{scheme}://{self.host}"

    @property
    def _socket(self) -> str | None:
        http = self.config["http"]
        return str(http["addr"]) if http.get("net") == "unix" else None

    def start(self, *, seconds: float = 60) -> Self:
        """Write the configuration, start, and wait until `/v2/` answers; raises `Died` with the log otherwise."""
        self.home.mkdir(parents=True, exist_ok=True)
        if "filesystem" in self.config["storage"]:
            self.root.mkdir(exist_ok=True)
        self.config_path.write_text(yaml.safe_dump(self.config, sort_keys=False))
        command = self.command()
        self.daemon.start(
            self.namespace.inside(command) if self.namespace else command,
            env={**clean_environment(), **self.env},
            cwd=self.home,
        )
        self.daemon.await_ready(self._answers, seconds=seconds)
        return self

    def _answers(self) -> bool:
        ping = f"/{str(self.config['http'].get('prefix', '')).strip('/')}/v2/".replace("//", "/")
        if self.namespace:
            try:
                ask = self.namespace.inside([sys.executable, "-c", _ANSWERS, self.url + ping])
                programs.run(ask, seconds=10, env={"SSL_CERT_FILE": str(self.ca)} if self.ca else None)
            except programs.Failed:
                return False
            return True
        try:
            with self._new_client(timeout=2) as client:
                client.get(ping)
        except httpx.TransportError:
            return False
        return True

    def _new_client(self, timeout: float) -> httpx.Client:
        verify = ssl.create_default_context(cafile=self.ca) if self.ca else True
        transport = httpx.HTTPTransport(uds=self._socket, verify=verify)
        return httpx.Client(base_url=self.url, timeout=timeout, transport=transport, trust_env=False)

    def client(self, *, timeout: float = 30) -> httpx.Client:
        """A plain HTTP client on this registry, closed when the registry stops."""
        return self._clients.enter_context(self._new_client(timeout))

    @property
    def pid(self) -> int:
        """The pid of the main process."""
        return self.daemon.pid

    def log(self) -> str:
        """All it has said until now."""
        return self.daemon.log()

    def stop(self, *, seconds: float = 30) -> int:
        """End it gracefully (SIGTERM; after `seconds` SIGKILL) with all its children; the status it ended with."""
        self._clients.close()
        return self.daemon.stop(seconds)

    def kill(self) -> None:
        """SIGKILL to all its processes at once."""
        self._clients.close()
        self.daemon.kill()

    def restart(self, *, seconds: float = 60) -> Self:
        """Stop if it runs, and start again on the same data and port."""
        if self.daemon.running:
            self.stop()
        return self.start(seconds=seconds)

    def __enter__(self) -> Self:
        return self if self.daemon.running else self.start()

    def __exit__(self, *_exception: object) -> None:
        self._clients.close()
        if self.daemon.running:
            self.daemon.stop()


def merged(defaults: Mapping[str, Any], changes: Mapping[str, Any]) -> Config:
    """`changes` over `defaults`, map by map; a key changed to None is gone."""
    result: Config = copy.deepcopy(dict(defaults))
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def clean_environment() -> dict[str, str]:
    """This process's environment without what would configure a registry."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("REGISTRY_", "ENTREPOT_", "OTEL_"))}
