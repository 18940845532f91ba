# SPDX-License-Identifier: Apache-2.0
"""The servers under test: what they are called, how they are configured, started, found ready and stopped.

All registries get one configuration with distribution's keys only; which registries there are is data.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import process
from bench.errors import BenchError
from bench.wire import Connection

_Connect = Callable[[], Connection]

_REGISTRY_CONFIG = """\
version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: {data}
  cache:
    blobdescriptor: inmemory
  delete:
    enabled: true
  maintenance:
    uploadpurging:
      enabled: false
http:
  addr: 127.0.0.1:{port}
  secret: the-benchmark-needs-no-secret
  debug:
    addr: 127.0.0.1:{debug_port}
    prometheus:
      enabled: true
      path: /metrics
"""

_NGINX_CONFIG = """\
{user}worker_processes auto;
daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path {home}/t1;
  proxy_temp_path {home}/t2;
  fastcgi_temp_path {home}/t3;
  uwsgi_temp_path {home}/t4;
  scgi_temp_path {home}/t5;
  default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{port};
    location = /v2/ {{ return 200; }}
    location / {{ root {data}; }}
  }}
}}
"""


@dataclass(frozen=True)
class Program:
    """A server that can be measured. `trust`: it speaks TLS, with a certificate that this verifies."""

    name: str
    command: tuple[str, ...]
    install: str
    version: tuple[str, ...]
    template: str = _REGISTRY_CONFIG
    trust: ssl.SSLContext | None = None

    @property
    def place(self) -> str:
        """Its name, as one that files can have."""
        return re.sub(r"[^A-Za-z0-9.]+", "-", self.name)

    def missing(self) -> str | None:
        """Say what to install when the program is not there."""
        if shutil.which(self.command[0]) is None:
            return f"{self.command[0]} is not installed: {self.install}"
        return None

    def describe(self) -> str:
        """Name and version, as the program tells it."""
        if self.missing():
            return f"{self.name}: not installed"
        answer = subprocess.run(self.version, capture_output=True, text=True, timeout=30, check=False)
        lines = (answer.stdout + answer.stderr).strip().splitlines()
        return f"{self.name}: {lines[0] if lines and answer.returncode == 0 else 'version unknown'}"


def _entrepot() -> str:
    beside = Path(sys.executable).parent / "entrepot"
    return str(beside) if beside.exists() else "entrepot"


def registry(name: str, program: str, install: str) -> Program:
    """Describe a registry that takes `serve CONFIG`, as distribution and everything that replaces it does."""
    return Program(name, (program, "serve"), install, (program, "--version"))


ENTREPOT = registry("entrepot", _entrepot(), "make bench sets it up; by hand: pip install --editable .")
PEERS = (registry("docker-registry", "docker-registry", "apt-get install docker-registry"),)
NGINX = Program("nginx", ("nginx", "-c"), "apt-get install nginx-light", ("nginx", "-v"), template=_NGINX_CONFIG)


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Server:
    """A started server."""

    program: Program
    port: int
    data: Path
    ready_after: float
    """Seconds until it answered."""
    settled_after: float
    """Seconds until it knew all that its directory holds."""
    stop: Callable[[], None]
    pid: int
    log: Path
    """What it printed."""

    @property
    def name(self) -> str:
        """The name of its program."""
        return self.program.name

    def connect(self) -> Connection:
        """Open a connection to it."""
        return Connection(self.port, trust=self.program.trust)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{'https' if self.program.trust else 'http'}://127.0.0.1:{self.port}"


def start(program: Program, home: Path, data: Path, patience: float) -> Server:
    """Start a program on `data` and wait until it answers; its configuration and output lie in `home`."""
    if (missing := program.missing()) is not None:
        raise BenchError(missing)
    home.mkdir(parents=True, exist_ok=True)
    data.mkdir(parents=True, exist_ok=True)
    port, debug_port = free_port(), free_port()
    user = "user root;\n" if os.geteuid() == 0 else ""
    config = home / "config.yml"
    text = program.template.format(data=data, port=port, debug_port=debug_port, home=home, user=user)
    config.write_text(text, encoding="utf-8")
    log = home / "output.log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("REGISTRY_")}
    connect = partial(Connection, port, timeout=5, trust=program.trust)
    began = time.monotonic()
    with log.open("wb") as output:
        child = subprocess.Popen(
            [*program.command, str(config)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=home,
            env=environment,
            start_new_session=True,
        )
    try:
        _wait_until_ready(child, connect, log, began + patience)
    except BaseException:
        _stop(child)
        raise
    ready_after = time.monotonic() - began
    try:
        _wait_until_settled(connect, began + patience)
    except BaseException:
        _stop(child)
        raise
    return Server(program, port, data, ready_after, time.monotonic() - began, lambda: _stop(child), child.pid, log)


def _wait_until_ready(child: subprocess.Popen[bytes], connect: _Connect, log: Path, deadline: float) -> None:
    """Until it answers: with 401 it asks for credentials, and is as ready as with 200."""
    while time.monotonic() < deadline:
        if (code := child.poll()) is not None:
            raise BenchError(f"did not start, exit status {code}: {_last_line(log)}")
        try:
            with connect() as connection:
                if connection.request("GET", "/v2/").status in {200, 401}:
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise BenchError(f"was not ready in time: {_last_line(log)}")


def _wait_until_settled(connect: _Connect, deadline: float) -> None:
    """entrepot adopts a directory that it does not know while it serves, which takes half a core."""
    while time.monotonic() < deadline:
        with connect() as connection:
            answer = connection.request("GET", "/readyz")
        if b'"index":"adopting"' not in answer.body:
            return
        time.sleep(0.5)
    raise BenchError("did not adopt its directory in time")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].strip()[:200] if lines else "it printed nothing"


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End a server by its process id, and whatever of its tree survives it, each by its own."""
    family = {pid: stat for pid, stat in process.tree(child.pid).items() if pid != child.pid}
    child.terminate()
    try:
        child.wait(20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait(20)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(process.lives(pid, stat) for pid, stat in family.items()):
        time.sleep(0.05)
    for pid, stat in family.items():
        if process.lives(pid, stat):
            os.kill(pid, signal.SIGKILL)
