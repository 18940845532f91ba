# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every test, and two rules: a failure shows the logs of the programs involved, CI skips nothing."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from entrepot.index.places import Database
from support import daemons
from support.peer import Peer
from support.postgres import Postgres
from support.server import Server

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from pathlib import Path

    import httpx

    from entrepot.index.places import IndexPlace

NO_SKIPS = os.environ.get("ENTREPOT_NO_SKIPS") == "1"
LAST_LINES = 40


class StartServer(Protocol):
    """Start another registry for this test; it is ended with the test. Takes what `Server` takes, without a home."""

    def __call__(self, config: Mapping[str, Any] | None = None, **options: Any) -> Server: ...


class StartPeer(Protocol):
    """Start a reference registry for this test; it is ended with the test. Takes what `Peer` takes, without a home."""

    def __call__(self, config: Mapping[str, Any] | None = None, **options: Any) -> Peer: ...


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start registries with their homes in tmp_path: `start_server({"http": {...}}, workers=1)`."""
    with ExitStack() as running:

        def start(config: Mapping[str, Any] | None = None, **options: Any) -> Server:
            home = tmp_path / f"server{len(list(tmp_path.glob('server*')))}"
            return running.enter_context(Server(home, config, **options))

        yield start


@pytest.fixture
def server(start_server: StartServer) -> Server:
    """A registry with the default configuration of the tests and two workers."""
    return start_server()


@pytest.fixture
def client(server: Server) -> httpx.Client:
    """A plain HTTP client on `server`."""
    return server.client()


@pytest.fixture
def start_peer(tmp_path: Path) -> Iterator[StartPeer]:
    """Start reference registries with their homes in tmp_path."""
    with ExitStack() as running:

        def start(config: Mapping[str, Any] | None = None, **options: Any) -> Peer:
            home = tmp_path / f"peer{len(list(tmp_path.glob('peer*')))}"
            return running.enter_context(Peer(home, config, **options))

        yield start


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for all tests that need one; a test that stops it starts it again."""
    with Postgres() as running:
        yield running


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The address of an empty database, for this test."""
    with postgres.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> IndexPlace:
    """Where an index lies, on each database."""
    if request.param == "sqlite":
        return tmp_path / "index.sqlite3"
    return Database(request.getfixturevalue("database"), tmp_path / "holders")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long forms to `make soak`; they are deselected, not skipped."""
    if os.environ.get("ENTREPOT_SOAK") == "1":
        return
    soak = [item for item in items if item.get_closest_marker("soak")]
    if soak:
        config.hook.pytest_deselected(items=soak)
        items[:] = [item for item in items if item not in soak]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """What programs said in earlier tests is not shown with a failure of this one."""
    daemons.begin_test()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where ENTREPOT_NO_SKIPS=1 a skip without the marker `may_skip` fails; a failure shows the logs of programs."""
    report = yield
    if NO_SKIPS and report.skipped and not hasattr(report, "wasxfail") and not _may_skip(item):
        _fail(report)
    elif report.failed:
        for daemon in daemons.involved():
            last = "\n".join(daemon.said().splitlines()[-LAST_LINES:])
            report.sections.append((f"log of {daemon.name}, pid {daemon.pid}", last))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that skips itself whole fails too where ENTREPOT_NO_SKIPS=1."""
    report = yield
    if NO_SKIPS and report.skipped and not _may_skip(collector):
        _fail(report)
    return report


def _may_skip(node: pytest.Item | pytest.Collector) -> bool:
    marker = node.get_closest_marker("may_skip")
    return marker is not None and bool(marker.kwargs.get("reason"))


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"nothing may be skipped here (ENTREPOT_NO_SKIPS=1): {reason.removeprefix('Skipped: ')}"
