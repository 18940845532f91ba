# SPDX-License-Identifier: Apache-2.0
"""A certificate changes under a server that is busy: new connections get it soon, and nobody is refused."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support import programs
from support.certificates import PairFiles, issue
from support.unharmed import processes
from support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import StartServer
    from support.server import Server

WITHIN = 5.0
SERVED = "new workers serve"
KEPT = "the changed certificate cannot be served; the former one stays"


@pytest.fixture
def files(tmp_path: Path) -> PairFiles:
    """What the server is configured with."""
    return issue(tmp_path / "certs")


@pytest.fixture
def server(start_server: StartServer, files: PairFiles) -> Server:
    """Two workers on it."""
    return start_server(files.config, ca=files.ca)


def shown(server: Server) -> bytes:
    """The certificate that a new connection is shown."""
    host, _, port = server.host.rpartition(":")
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((host, int(port)), timeout=10))


def first_of(path: Path) -> bytes:
    """The first certificate of a file."""
    text = path.read_text()
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(text[: text.index(end) + len(end)])


def await_shown(server: Server, certificate: bytes) -> None:
    """Every worker shows it, soon enough: ten connections in a row see no other."""
    deadline = time.monotonic() + WITHIN
    until(lambda: all(shown(server) == certificate for _ in range(10)), what="the new certificate", seconds=WITHIN)
    assert time.monotonic() < deadline


class Load:
    """Clients that ask without pause, some with a connection for each request, some with one that they keep."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.answers = 0
        self.failures: list[str] = []
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the block runs."""
        threads = [threading.Thread(target=self._ask, args=(kept,)) for kept in (True, True, False, False)]
        threads.append(threading.Thread(target=self._ask_over_http2))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(60)

    def _ask(self, kept: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if kept else 0)
        context = ssl.create_default_context(cafile=self.server.ca)
        with httpx.Client(base_url=self.server.url, verify=context, limits=limits, trust_env=False) as client:
            while not self._over.is_set():
                try:
                    assert client.get("/v2/").status_code == 200
                    self.answers += 1
                except Exception as error:  # noqa: BLE001 - whatever it is, it is what must not be
                    self.failures.append(f"{'kept' if kept else 'fresh'}: {error!r}")

    def _ask_over_http2(self) -> None:
        urls = [f"{self.server.url}/v2/"] * 300
        while not self._over.is_set():
            try:
                programs.run(["curl", "-sSf", "--http2", "--cacert", str(self.server.ca), *urls])
                self.answers += len(urls)
            except programs.Failed as error:
                self.failures.append(f"http2: {error}"[-500:])


def test_under_load(server: Server, files: PairFiles) -> None:
    """Three changes while clients ask without pause: each is seen within five seconds, no request fails, and no more
    processes are left than there were.
    """
    load, before = Load(server), len(processes(server))
    with load.running():
        for _ in range(3):
            former = shown(server)
            issue(files.certificate.parent)
            assert first_of(files.certificate) != former
            await_shown(server, first_of(files.certificate))
            asked = load.answers
            until(lambda asked=asked: load.answers > asked + 50, what="clients go on")  # type: ignore[misc]
    assert load.failures == []
    assert server.log().count(SERVED) == 3
    until(lambda: len(processes(server)) == before, what="the former workers have ended")


def test_an_upload_goes_on(server: Server, files: PairFiles) -> None:
    """An upload that began before the change ends well after it, on its connection: the former worker stays for it,
    longer than a stop would have waited, and ends then.
    """
    client, before = server.client(), len(processes(server))
    location = client.post("/v2/team/slow/blobs/uploads/").headers["Location"]
    half = os.urandom(300_000)
    with _connect(server) as wire:
        head = f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: {2 * len(half)}\r\n\r\n"
        wire.sendall(head.encode() + half)
        issue(files.certificate.parent)
        await_shown(server, first_of(files.certificate))
        until(lambda: len(processes(server)) == before + 1, what="only the worker with the upload is left")
        wire.sendall(half)
        assert wire.recv(4096).startswith(b"HTTP/1.1 202 ")
    digest = f"sha256:{hashlib.sha256(2 * half).hexdigest()}"
    assert server.client().put(location, params={"digest": digest}).status_code == 201
    until(lambda: len(processes(server)) == before, what="the former worker has ended")


def _connect(server: Server) -> ssl.SSLSocket:
    host, _, port = server.host.rpartition(":")
    context = ssl.create_default_context(cafile=server.ca)
    return context.wrap_socket(socket.create_connection((host, int(port)), timeout=30), server_hostname=host)


def test_a_broken_pair(server: Server, files: PairFiles, tmp_path: Path) -> None:
    """A half-written certificate, and one without its key, leave the former one in place, each said once; a worker that
    dies meanwhile starts again on it; the next good pair is served.
    """
    former = first_of(files.certificate)
    whole, other = files.certificate.read_text(), issue(tmp_path / "other")
    for count, broken in enumerate((whole[:300], other.certificate.read_text()), start=1):
        files.certificate.write_text(broken)
        until(lambda count=count: server.log().count(KEPT) == count, what="the refusal")  # type: ignore[misc]
        assert shown(server) == former
    worker = next(pid for pid in processes(server)[1:] if _is_worker(server, pid))
    os.kill(worker, signal.SIGKILL)
    until(lambda: "a process died and is started again" in server.log(), what="its death is noticed")
    until(lambda: len(processes(server)) == 4 and worker not in processes(server), what="another worker")
    assert all(shown(server) == former for _ in range(10))
    assert server.log().count(KEPT) == 2
    assert SERVED not in server.log()
    other.put(files.certificate, files.key)
    await_shown(server, first_of(other.certificate))
    assert server.log().count(KEPT) == 2


def _is_worker(server: Server, pid: int) -> bool:
    """The jobs' process holds no copy of the listener that a loop waits on; it is the last that was started."""
    return pid != max(processes(server)[1:])


def test_what_kubernetes_does(start_server: StartServer, tmp_path: Path) -> None:
    """A secret's volume: files are links into ``..data``, a link to a directory that is replaced at once."""
    volume, authority = tmp_path / "volume", tmp_path / "authority"
    one = issue(authority)
    ca = one.ca

    def place(name: str) -> None:
        (volume / name).mkdir(parents=True)
        one.put(volume / name / "tls.crt", volume / name / "tls.key")
        (volume / "..next").symlink_to(name)
        (volume / "..next").rename(volume / "..data")

    place("..1")
    for name in ("tls.crt", "tls.key"):
        (volume / name).symlink_to(f"..data/{name}")
    tls = {"certificate": str(volume / "tls.crt"), "key": str(volume / "tls.key")}
    server = start_server({"http": {"tls": tls}}, ca=ca)
    former = shown(server)
    issue(authority)
    place("..2")
    assert first_of(volume / "tls.crt") != former
    await_shown(server, first_of(volume / "tls.crt"))


def test_what_certbot_does(start_server: StartServer, tmp_path: Path) -> None:
    """``live/`` holds links into ``archive/``, moved one by one to the files of the next number."""
    one = issue(tmp_path / "authority")
    archive, live = tmp_path / "archive", tmp_path / "live"
    archive.mkdir()
    live.mkdir()

    def place(number: int) -> None:
        one.put(archive / f"fullchain{number}.pem", archive / f"privkey{number}.pem")
        for name in ("fullchain", "privkey"):
            (live / f"{name}.pem").unlink(missing_ok=True)
            (live / f"{name}.pem").symlink_to(f"../archive/{name}{number}.pem")

    place(1)
    tls = {"certificate": str(live / "fullchain.pem"), "key": str(live / "privkey.pem")}
    server = start_server({"http": {"tls": tls}}, ca=one.ca)
    former = shown(server)
    issue(tmp_path / "authority")
    place(2)
    assert first_of(live / "fullchain.pem") != former
    await_shown(server, first_of(live / "fullchain.pem"))
    assert KEPT not in server.log()


def test_stopping_between_generations(server: Server, files: PairFiles) -> None:
    """A stop while former workers still have an upload ends all of them within the drain time of a stop."""
    client = server.client()
    location = client.post("/v2/team/stop/blobs/uploads/").headers["Location"]
    with _connect(server) as wire:
        wire.sendall(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345".encode())
        issue(files.certificate.parent)
        await_shown(server, first_of(files.certificate))
        pids = processes(server)
        os.kill(server.pid, signal.SIGTERM)
        os.kill(server.pid, 0)
        until(lambda: "stopping" in server.log(), what="the stop")
        os.kill(server.pid, signal.SIGTERM)
        assert server.daemon.wait(30) == 0
    assert len(pids) >= 5
    assert server.daemon.group() == []


def test_storage_in_memory(start_server: StartServer, files: PairFiles) -> None:
    """It would go with its worker: so a changed certificate waits for a restart there, and the start says so."""
    storage: dict[str, Any] = {"storage": {"filesystem": None, "inmemory": {}, "delete": None}}
    server = start_server({**files.config, **storage}, ca=files.ca, workers=1)
    assert "a changed certificate is served after a restart" in server.log()
    assert server.client().get("/v2/").status_code == 200
