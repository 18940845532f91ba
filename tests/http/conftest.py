# SPDX-License-Identifier: Apache-2.0
"""One registry with two workers for each module, looked after: every test must leave it unharmed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from support.server import Server
from support.unharmed import unharmed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


@pytest.fixture(scope="module")
def registry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A registry with two workers, shared by the tests of a module; each uses repositories of its own.

    A module may say how it is configured: CONFIG.
    """
    with Server(tmp_path_factory.mktemp("http") / "server", getattr(request.module, "CONFIG", None)) as server:
        yield server


@pytest.fixture
def http(registry: Server) -> Iterator[httpx.Client]:
    """A polite client on `registry`."""
    client = registry.client()
    yield client
    client.close()


@pytest.fixture(autouse=True)
def _left_unharmed(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the same processes run, nothing faulty is in the log, no file lies outside the data."""
    if "registry" not in request.fixturenames:
        yield
        return
    with unharmed(request.getfixturevalue("registry")):
        yield


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """A repository name of this test alone."""
    words = re.findall("[a-z0-9]+", request.node.name.lower())
    return f"t/{'-'.join(words)[:200]}"
