# SPDX-License-Identifier: Apache-2.0
"""One registry with two workers, one docker engine and one small file system for all tests with real clients."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import programs
from support.containers import Containers
from support.docker import Docker
from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

APPLETS = ("cat", "echo", "ls", "md5sum", "sh", "true")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry with two workers; requests of one push land on both."""
    home = tmp_path_factory.mktemp("registry")
    with Server(home, workers=2) as server:
        yield server
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def wire(registry: Server) -> httpx.Client:
    """A plain HTTP client on the registry, to see what really lies there."""
    return registry.client()


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """A repository of the test's own."""
    name = request.node.name.removeprefix("test_").replace("_", "-")
    return "clients/" + "".join(letter for letter in name if letter.isalnum() or letter == "-").strip("-").lower()


@pytest.fixture
def reference(registry: Server, repository: str) -> str:
    """The name of the test's own repository as clients are given it: HOST:PORT/NAME."""
    return f"{registry.host}/{repository}"


@pytest.fixture(scope="session")
def rootfs() -> bytes:
    """A tar archive of a file system in which `/bin/sh`, `/bin/echo` and a few others run."""
    busybox = Path(programs.find("busybox")).read_bytes()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for directory in ("bin", "etc", "tmp"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        program = tarfile.TarInfo("bin/busybox")
        program.size, program.mode = len(busybox), 0o755
        tar.addfile(program, io.BytesIO(busybox))
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return archive.getvalue()


@pytest.fixture
def containers() -> Iterator[Containers]:
    """podman, buildah and skopeo with storage and settings of this test's own."""
    with Containers() as programs_of_containers:
        yield programs_of_containers


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    """A docker engine of our own."""
    with Docker() as engine:
        yield engine
