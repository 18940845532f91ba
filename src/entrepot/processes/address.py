# SPDX-License-Identifier: Apache-2.0
"""Binds the address that workers share, and says who holds it where it is taken.

Without SO_REUSEPORT: with it a second server silently takes a share of the connections (seen).
"""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

BACKLOG = 1024
MAX_PORT = 65535


class AddressError(Exception):
    """The address cannot be had; the message says why and what to do."""


def bind_tcp(host: str, port: int, key: str) -> socket.socket:
    """A bound socket, not listening yet. ``host`` empty or ``::``: all of IPv6 and IPv4. ``key`` is named in errors."""
    shown = f"[{host}]:{port}" if ":" in host else f"{host or '*'}:{port}"
    try:
        family, address = _resolve(host, port)
        with _closed_on_error(socket.socket(family, socket.SOCK_STREAM)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host in {"", "::"} else 1)
            listener.bind(address)
    except socket.gaierror as error:
        raise AddressError(f"{host!r} ({key}) is no address of this machine: {error.strerror}") from error
    except OSError as error:
        raise AddressError(_explain(error, shown, port, key)) from error
    return listener


def bind_unix(path: Path) -> socket.socket:
    """A bound socket file; a stale one that nobody listens on is removed."""
    try:
        with _closed_on_error(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listener:
            _remove_stale(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            listener.bind(str(path))
    except OSError as error:
        raise AddressError(f"the socket {path} cannot be made: {error.strerror or error}") from error
    return listener


def describe_holder(port: int) -> str:
    """Which process listens on ``port``, as far as we may look."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) in inodes:
                        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                        return f"process {process.name} ({command.strip()[:200]})"
    return "another process (run as root to see which)"


@contextlib.contextmanager
def _closed_on_error(listener: socket.socket) -> Iterator[socket.socket]:
    try:
        yield listener
    except BaseException:
        listener.close()
        raise


def _resolve(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]:
    if not host:
        return (socket.AF_INET6, ("::", port)) if _has_ipv6() else (socket.AF_INET, ("0.0.0.0", port))  # noqa: S104
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return family, address  # type: ignore[return-value]


def _has_ipv6() -> bool:
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


def _explain(error: OSError, shown: str, port: int, key: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{shown} is taken by {describe_holder(port)}; "
            f"stop it, or listen elsewhere: {key} in the configuration, or {_variable(key)}={_elsewhere(shown, port)}"
        )
    if error.errno == errno.EACCES:
        return f"{shown} needs more rights (ports below 1024 are root's); use a higher port in {key}"
    return f"{shown} ({key}) cannot be listened on: {error.strerror or error}"


def _variable(key: str) -> str:
    return f"REGISTRY_{key.replace('.', '_').upper()}"


def _elsewhere(shown: str, port: int) -> str:
    """The next port on the same address."""
    return f"{shown.removesuffix(f':{port}').removeprefix('*')}:{port + 1 if port < MAX_PORT else 5001}"


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    return inodes


def _remove_stale(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise AddressError(f"{path} (http.addr) exists and is no socket; it is left alone. Name another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise AddressError(f"another server listens on {path} (http.addr); stop it or name another path")
