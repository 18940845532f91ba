# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: what a server in between can do to us, and what an operator is told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from entrepot.index.changes import NameBusy
from entrepot.index.index import Index, open_index
from entrepot.index.places import Database
from entrepot.index.postgres import PostgresEngine
from entrepot.index.statements import Statement
from entrepot.oci.errors import Unavailable
from entrepot.oci.names import Tag
from support.facts import change, digest_of, manifest_truth, tag_name, tag_truth, tell
from support.postgres import PASSWORD
from support.rooms import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entrepot.index.engine import Transaction
    from entrepot.index.statements import Row
    from support.postgres import Postgres

LATEST = Tag("latest")
FREEZING = """
import os, signal, sys
from entrepot.index.postgres import PostgresEngine
engine = PostgresEngine(sys.argv[1])
engine.write_blocking(lambda tx: os.kill(os.getpid(), signal.SIGSTOP))
"""


@pytest.fixture
def place(database: str, tmp_path: Path) -> Database:
    """A database of PostgreSQL."""
    return Database(database, tmp_path / "holders")


@pytest.fixture
def engine(database: str) -> Iterator[PostgresEngine]:
    """An engine over an empty database."""
    with contextlib.closing(PostgresEngine(database)) as opened:
        yield opened


def said(text: str, tx: Transaction) -> list[Row]:
    """The rows of a query."""
    return tx.all(Statement(text, (), {}), {})


def ask(engine: PostgresEngine, text: str) -> list[Row]:
    """The rows of a query, on the writer's connection."""
    return engine.write_blocking(partial(said, text))


@pytest.mark.parametrize("end", ["stop", "crash"])
async def test_the_server_goes_and_comes(index: Index, postgres: Postgres, end: str) -> None:
    """While the server is away reads and writes say so at once, without the password; when it is back, they go on, and
    what was acknowledged is there.
    """
    await tell(index, manifest_truth("m"), tag_truth("latest", "m"))
    getattr(postgres, end)()
    try:
        for attempt in (
            index.check,
            partial(tell, index, tag_truth("lost", "m")),
            partial(index.lists.tags, NAME, "", 9),
        ):
            began = time.monotonic()
            with pytest.raises(Unavailable, match="of the index cannot be used") as caught:
                await attempt()
            assert time.monotonic() - began < 2
            assert PASSWORD not in str(caught.value.detail)
            assert str(postgres.home) in str(caught.value.detail)
    finally:
        postgres.start()
    await index.check()
    await tell(index, tag_truth("found", "m"))
    assert await index.lists.tags(NAME, "", -1) == ["found", "latest"]


async def test_connections_that_are_cut_are_not_noticed(index: Index, postgres: Postgres, database: str) -> None:
    """An administrator, or a proxy, who ends all connections between two requests disturbs nobody."""
    await tell(index, manifest_truth("m"), tag_truth("latest", "m"))
    for _ in range(3):
        name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
        cut = postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608
        assert cut
        assert await index.lookups.manifest_by_tag(NAME, LATEST) is not None
        await tell(index, tag_truth("latest", "m"))


async def test_a_change_that_was_cut_frees_its_names(place: Database, postgres: Postgres) -> None:
    """A change under way when the server went away, which could then not be abandoned, does not keep its names:
    once the server is back they belong to nobody, so whoever wants them settles them.
    """
    with open_index(place) as index:
        begun = await index.changes.begin(change(tag_name("latest")))
        postgres.crash()
        try:
            with pytest.raises(Unavailable):
                await index.changes.finish(begun, NAME, [])
            await index.changes.abandon(begun)
        finally:
            postgres.start()
        [intent] = await index.changes.list_open()
        assert intent.holder == index.holder.name
        holders: list[str] = []

        async def look() -> None:
            while holders != [""]:
                holders[:] = [one.holder for one in await index.changes.list_open()]
                await asyncio.sleep(0.05)

        await asyncio.wait_for(look(), 10)


async def test_writers_queue(database: str) -> None:
    """While one process writes, another's transaction waits, and then sees what the first one wrote."""
    with contextlib.closing(PostgresEngine(database)) as first, contextlib.closing(PostgresEngine(database)) as second:
        ask_once = partial(said, "SELECT count(*) FROM pg_tables WHERE tablename = 'made'")
        entered, gate = threading.Event(), threading.Event()

        def hold(tx: Transaction) -> None:
            entered.set()
            assert gate.wait(10)
            tx.execute(Statement("CREATE TABLE made ()", (), {}), {})

        holding = asyncio.ensure_future(first.write(hold))
        assert await asyncio.to_thread(entered.wait, 10)
        waiting = asyncio.ensure_future(second.write(ask_once))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        gate.set()
        await holding
        assert await waiting == [(1,)]


async def test_two_processes_move_one_tag(place: Database) -> None:
    """Two processes move one tag 500 times in turns as they get it: no change is lost, and each sees the other's."""
    with open_index(place) as first, open_index(place) as second:
        for text in ("a", "b"):
            await tell(first, manifest_truth(text))
        moved: list[str] = []

        async def move(index: Index, text: str) -> None:
            while len(moved) < 500:
                try:
                    begun = await index.changes.begin(change(tag_name("latest")))
                except NameBusy:  # by the other
                    await asyncio.sleep(0)
                    continue
                moved.append(text)
                await index.changes.finish(begun, NAME, [tag_truth("latest", text)])
                found = await index.lookups.manifest_by_tag(NAME, LATEST)
                assert found is not None
                await asyncio.sleep(0)

        await asyncio.gather(move(first, "a"), move(second, "b"))
        assert {"a", "b"} == set(moved)
        for index in (first, second):
            found = await index.lookups.manifest_by_tag(NAME, LATEST)
            assert found is not None
            assert found.digest == digest_of(moved[-1])
            assert await index.changes.list_open() == []


def test_a_frozen_writer_is_shown_out(database: str) -> None:
    """A process that is stopped in the middle of a transaction holds up the others for seconds, not for good."""
    command = [sys.executable, "-c", FREEZING, database]
    with contextlib.closing(PostgresEngine(database)) as engine, subprocess.Popen(command) as frozen:
        os.waitpid(frozen.pid, os.WUNTRACED)
        began = time.monotonic()
        assert ask(engine, "SELECT 1") == [(1,)]
        assert 5 < time.monotonic() - began < 20
        os.kill(frozen.pid, signal.SIGKILL)


def test_commits_survive_a_power_cut(postgres: Postgres, database: str) -> None:
    """A server that acknowledges before its disk does is told not to; one that waits for standbys goes on so."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    for configured, used in (("off", "on"), ("on", "on"), ("remote_apply", "remote_apply")):
        postgres.execute(f"ALTER DATABASE {name} SET synchronous_commit = {configured}")
        with contextlib.closing(PostgresEngine(database)) as engine:
            assert ask(engine, "SHOW synchronous_commit") == [(used,)]


def refused(url: str) -> str:
    """What an operator reads when the index cannot be opened."""
    with pytest.raises(Unavailable) as caught:
        PostgresEngine(url).close()
    detail = str(caught.value.detail)
    assert PASSWORD not in detail
    assert "\n" not in detail
    return detail


def test_what_an_operator_is_told(postgres: Postgres, database: str) -> None:
    """A server that is not there, a wrong password, a database that is missing or of another encoding: each says what
    is wrong and where, on one line, without the password.
    """
    assert "does-not-exist" in refused(postgres.url("does-not-exist"))
    assert "password authentication failed" in refused(database.replace(PASSWORD, "wrong"))
    assert "No such file" in refused(f"postgresql://u:{PASSWORD}@/db?host=/nowhere")
    assert "no address" in refused(f"postgresql://u:{PASSWORD}@/db?host=/nowhere&nonsense=1")
    assert "1 port 1 failed" in refused(f"postgresql://u:{PASSWORD}@127.0.0.1:1/db").replace('.1", port', "1 port")
    postgres.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    try:
        assert "encoding LATIN1" in refused(postgres.url("latin"))
    finally:
        postgres.execute("DROP DATABASE latin")


def test_a_user_who_may_not_make_tables(postgres: Postgres, database: str, tmp_path: Path) -> None:
    """PostgreSQL 15 lets only the owner make tables: the start says how to make the user that."""
    postgres.execute(f"CREATE ROLE guest LOGIN PASSWORD '{PASSWORD}'")
    try:
        url = database.replace("entrepot:", "guest:", 1)
        with pytest.raises(Unavailable, match="OWNER TO"), open_index(Database(url, tmp_path / "guests")):
            pass
    finally:
        postgres.execute("DROP ROLE guest")


def test_a_standby_is_named(postgres: Postgres, database: str, tmp_path: Path) -> None:
    """A database that takes no changes is refused with what to write into the address."""
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(Unavailable, match="target_session_attrs"), open_index(Database(database, tmp_path / "holders")):
        pass


async def test_a_database_that_was_replaced(place: Database, postgres: Postgres) -> None:
    """Another database of the same name is not taken for ours: the registry says to restart it."""
    name = psycopg.conninfo.conninfo_to_dict(place.url)["dbname"]
    with open_index(place) as index:
        await index.check()
        postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
        postgres.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        with pytest.raises(Unavailable, match="restart"):
            await index.check()
        with pytest.raises(Unavailable, match="restart"):
            await tell(index, manifest_truth("m"))


async def test_tables_that_were_dropped(place: Database, postgres: Postgres) -> None:
    """A database that was emptied under us is said to be, in reads and writes."""
    with open_index(place) as index:
        postgres.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public", place.url)
        with pytest.raises(Unavailable, match="lost its tables"):
            await index.check()
        with pytest.raises(Unavailable, match="lost its tables"):
            await tell(index, manifest_truth("m"))


def test_the_place_hides_the_password(place: Database) -> None:
    """Neither its text nor its representation holds it, and the text says which database of which server."""
    assert PASSWORD in place.url
    assert PASSWORD not in f"{place} {place!r}"
    assert "test_" in str(place)
