# SPDX-License-Identifier: Apache-2.0
"""Every statement that a request runs goes by an index: it costs what it returns, not what the registry holds."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from entrepot.index.accounts import AccountRows
from entrepot.index.ages import Ages
from entrepot.index.blobs import Blobs
from entrepot.index.changes import Changes
from entrepot.index.directory import Directory
from entrepot.index.explanation import Explanations
from entrepot.index.forecast import Forecasts
from entrepot.index.garbage import Garbage
from entrepot.index.history import History
from entrepot.index.index import open_index
from entrepot.index.kinship import Kinship
from entrepot.index.leases import Leases
from entrepot.index.lists import Lists
from entrepot.index.lookups import Lookups
from entrepot.index.matches import Matches
from entrepot.index.outbox import Outbox
from entrepot.index.pulls import Pulls
from entrepot.index.reclaim import Reclaims
from entrepot.index.recorder import Recorder
from entrepot.index.rules import RuleRows
from entrepot.index.seen import Seen
from entrepot.index.seen_events import SeenEvents
from entrepot.index.signing import SigningKeys
from entrepot.index.sqlite import SqliteEngine
from entrepot.index.statements import Statement
from entrepot.index.trash import Trash
from entrepot.index.untagged import Untagged

WHOLE = {
    "AccountRows.roles",
    "Changes._open",
    "Garbage._links",
    "Lists._search",
    "Matches._patterns",
    "Outbox._told",
    "RuleRows.all",
}
"""Read a table or an index whole on purpose. Open intents are as many as changes under way, endpoints are a few,
roles, rules and their patterns are as many as people have written. A
search reads each name at worst: 75 ms for a million of them. What a repository's manifests name is taken away from what
it holds in a temporary tree.
"""

WHOLE_REPOSITORY = {
    "Garbage._links",
    "Garbage._opaque",
    "Lists._drop_empty",
    "Lists._repositories",
    "Lists._search",
    "Matches._forget",
    "Reclaims._all",
    "Reclaims._all_tags",
    "Reclaims._layers",
    "Seen._page",
    "Seen._search",
}
"""Read all that one repository holds: on purpose, or until the first row that is found."""


def statements(path: Path) -> dict[str, Statement]:
    """All statements of the rooms' objects, by the attribute that holds them."""
    with closing(SqliteEngine(path)) as engine:
        kinship = Kinship(engine.dialect)
        trash = Trash(engine, kinship)
        recorder = Recorder(engine.dialect, trash)
        owners: tuple[object, ...] = (
            Lookups(engine),
            Lists(engine),
            Blobs(engine, recorder),
            recorder,
            Changes(engine, recorder, ""),
        )
        owners += (
            trash,
            kinship,
            Garbage(engine),
            Reclaims(engine, kinship),
            Explanations(engine),
            History(engine),
            Leases(engine, "", bool),
            Outbox(engine),
            Pulls(engine),
            Ages(engine),
            Untagged(engine, kinship, trash),
            Forecasts(engine, kinship),
            Seen(engine),
            SeenEvents(engine),
            SigningKeys(engine),
            Directory(engine),
            AccountRows(engine.dialect),
            RuleRows(engine.dialect),
            Matches(engine.dialect),
        )
        found: dict[str, Statement] = {}
        for owner in owners:
            for key, value in vars(owner).items():
                several = value if isinstance(value, dict) else {"": value}
                for kind, one in several.items():
                    if isinstance(one, Statement):
                        found[f"{type(owner).__name__}.{key}{kind}"] = one
        return found


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with its tables."""
    path = tmp_path_factory.mktemp("plans") / "index.sqlite3"
    with open_index(path):
        pass
    return path


def plan(connection: sqlite3.Connection, statement: Statement) -> list[str]:
    """The steps of a statement's plan."""
    values = [statement.constants.get(name, 1) for name in statement.order]
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement.text}", values)
    return [str(row[3]) for row in rows]


def test_no_statement_reads_whole_tables(database: Path) -> None:
    """No statement scans a table or sorts in a temporary tree, except those of :data:`WHOLE`."""
    found = statements(database)
    assert len(found) > 30
    with closing(sqlite3.connect(database)) as connection:
        plans = {name: plan(connection, statement) for name, statement in found.items()}
    bad = {
        name: steps
        for name, steps in plans.items()
        if name not in WHOLE and any("SCAN" in step or "TEMP B-TREE" in step for step in steps)
    }
    assert bad == {}


def test_no_statement_reads_whole_repositories(database: Path) -> None:
    """What is asked of each manifest of a deletion looks that manifest up: a search of its repository for each, under
    the lock of all writers, would take minutes where there are 20,000.
    """
    whole = ("(repository_id=?)", "(repository=?)")
    with closing(sqlite3.connect(database)) as connection:
        plans = {name: plan(connection, statement) for name, statement in statements(database).items()}
    found = {name for name, steps in plans.items() if any(step.endswith(whole) for step in steps)}
    assert found == WHOLE_REPOSITORY


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("Lookups._by_tag", ["repositories", "tags", "manifests"]),
        ("Lookups._by_digest", ["repositories", "revisions", "manifests"]),
        ("Lookups._blob", ["repositories", "layers", "blobs"]),
    ],
)
def test_the_hot_path_is_three_searches(database: Path, name: str, tables: list[str]) -> None:
    """A pull is one search by a key in each of three tables, whichever comes first."""
    with closing(sqlite3.connect(database)) as connection:
        steps = plan(connection, statements(database)[name])
    assert sorted(step.split(" ")[:2] for step in steps) == sorted(["SEARCH", table] for table in tables)
    assert all(" USING " in step and "=?" in step for step in steps)


def test_sorted_by_the_index(database: Path) -> None:
    """A page of each list is read in order from where it begins: the search is bounded by ``last``."""
    found = statements(database)
    with closing(sqlite3.connect(database)) as connection:
        for name in ("Lists._repositories", "Lists._tags", "Lists._referrers", "Seen._page", "SeenEvents._window"):
            steps = plan(connection, found[name])
            assert any(">?)" in step for step in steps), (name, steps)
