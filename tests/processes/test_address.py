# SPDX-License-Identifier: Apache-2.0
"""Addresses: bound once, refused with a sentence that names who holds them."""

import os
import re
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from entrepot.processes.address import AddressError, bind_tcp, bind_unix, describe_holder
from support.ports import free_port

LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    print("listening", flush=True)
    sys.stdin.read()
"""


def connects(family: int, address: object) -> bool:
    """Whether somebody accepts there."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(address) == 0  # type: ignore[arg-type]


def test_bound_and_free_again() -> None:
    """A bound address accepts once it listens, and can be bound again as soon as it is closed."""
    port = free_port()
    for _ in range(2):
        with closing(bind_tcp("127.0.0.1", port, "http.addr")) as listener:
            listener.listen()
            assert connects(socket.AF_INET, ("127.0.0.1", port))
        assert not connects(socket.AF_INET, ("127.0.0.1", port))


def test_any_free_port() -> None:
    """Port 0 gives a free one."""
    with (
        closing(bind_tcp("127.0.0.1", 0, "http.addr")) as first,
        closing(bind_tcp("127.0.0.1", 0, "http.addr")) as second,
    ):
        assert first.getsockname()[1] != second.getsockname()[1] != 0


def test_taken_by_another_process() -> None:
    """A taken address is refused with the number and command of the process that holds it, and what to do."""
    port = free_port()
    command = [sys.executable, "-c", LISTEN, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"listening\n"
        with pytest.raises(AddressError) as caught:
            bind_tcp("127.0.0.1", port, "http.addr")
        message = str(caught.value)
        assert f"127.0.0.1:{port} is taken by process {other.pid} (" in message
        assert str(port) in message.partition("(")[2]
        assert f"REGISTRY_HTTP_ADDR=127.0.0.1:{port + 1}" in message
        with pytest.raises(AddressError, match=r"http\.debug\.addr in the configuration, or REGISTRY_HTTP_DEBUG_ADDR="):
            bind_tcp("127.0.0.1", port, "http.debug.addr")
        other.communicate()
    bind_tcp("127.0.0.1", port, "http.addr").close()


def test_taken_by_ourselves_never_shared() -> None:
    """A second server gets no share of a port that is listened on, on all addresses or on one."""
    with closing(bind_tcp("127.0.0.1", 0, "http.addr")) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", ""):
            with pytest.raises(AddressError, match=rf":{port} is taken by process {os.getpid()}"):
                bind_tcp(host, port, "http.addr")


def test_nobody_holds_it() -> None:
    """Where no process is found, that is said, with how to see more."""
    assert "run as root" in describe_holder(free_port())


@pytest.mark.parametrize("host", ["no.such.host.invalid", "256.1.1.1"])
def test_no_address_of_this_machine(host: str) -> None:
    """A host that cannot be resolved is refused by name and key."""
    with pytest.raises(AddressError, match=re.escape(f"'{host}' (http.addr) is no address")):
        bind_tcp(host, 0, "http.addr")


def test_a_foreign_address() -> None:
    """An address that another machine has is refused with the system's reason."""
    with pytest.raises(AddressError, match=r"192\.0\.2\.1:0 \(http\.addr\) cannot be listened on"):
        bind_tcp("192.0.2.1", 0, "http.addr")


def test_ipv6_alone() -> None:
    """An IPv6 address is that address alone."""
    with closing(bind_tcp("::1", 0, "http.addr")) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        assert connects(socket.AF_INET6, ("::1", port))
        assert not connects(socket.AF_INET, ("127.0.0.1", port))


def test_every_address() -> None:
    """Without a host every address is listened on, IPv6 and IPv4."""
    with closing(bind_tcp("", 0, "http.addr")) as listener:
        listener.listen()
        port = listener.getsockname()[1]
        assert connects(socket.AF_INET, ("127.0.0.1", port))
        assert connects(socket.AF_INET6, ("::1", port))


def test_unix_socket(tmp_path: Path) -> None:
    """A socket file is made, with its directory."""
    path = tmp_path / "run" / "registry.sock"
    with closing(bind_unix(path)) as listener:
        listener.listen()
        assert connects(socket.AF_UNIX, str(path))


def test_stale_socket(tmp_path: Path) -> None:
    """A socket file that nobody listens on any more is replaced."""
    path = tmp_path / "registry.sock"
    bind_unix(path).close()
    assert path.is_socket()
    before = path.stat().st_ino, path.stat().st_ctime_ns
    with closing(bind_unix(path)) as listener:
        listener.listen()
        assert connects(socket.AF_UNIX, str(path))
        assert (path.stat().st_ino, path.stat().st_ctime_ns) != before


def test_live_socket(tmp_path: Path) -> None:
    """A socket that a server listens on is refused and left to it."""
    path = tmp_path / "registry.sock"
    with closing(bind_unix(path)) as listener:
        listener.listen()
        with pytest.raises(AddressError, match="another server listens on"):
            bind_unix(path)
        assert connects(socket.AF_UNIX, str(path))


def test_plain_file(tmp_path: Path) -> None:
    """A file that is no socket is left alone with its content."""
    path = tmp_path / "registry.sock"
    path.write_text("precious")
    with pytest.raises(AddressError, match="is no socket; it is left alone"):
        bind_unix(path)
    assert path.read_text() == "precious"


def test_impossible_paths(tmp_path: Path) -> None:
    """A path that is too long, or below a file, is refused with the reason."""
    (tmp_path / "file").write_text("")
    for path, reason in ((tmp_path / ("x" * 120), "too long"), (tmp_path / "file" / "sock", "Not a directory")):
        with pytest.raises(AddressError, match=f"cannot be made: .*{reason}"):
            bind_unix(path)
