# SPDX-License-Identifier: Apache-2.0
"""Takes what storage cannot tell from one database to the other: the kept tables, and what the trash needs to restore.

Everything else is derived: the server on the new database adopts it from storage at its first start.
"""

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import cast

from sqlalchemy import Connection, Executable, Select, Table, func, select, text

from entrepot.index.engine import Engine
from entrepot.index.index import open_engine
from entrepot.index.migrating import bring_up_to_date
from entrepot.index.places import IndexPlace
from entrepot.index.schema import KEPT_TABLES, MANIFESTS, REFERENCES, TRASH
from entrepot.index.statements import insert_absent
from entrepot.oci.errors import Unavailable

ROWS = 1000
"""Rows that are in memory at once."""


def move_kept(source: IndexPlace, target: IndexPlace) -> dict[str, int]:
    """Copy the kept tables into ``target``, whose tables are made where they are missing; gives the rows of each.

    Nobody may use either meanwhile. The source stays as it is. All is copied or nothing. Raises ``Unavailable`` where
    the target holds kept rows already, or one of them cannot be used.
    """
    with closing(open_engine(source)) as giving, closing(open_engine(target)) as taking:
        bring_up_to_date(giving, source)
        bring_up_to_date(taking, target)
        copied: dict[str, int] = {}
        giving.alter(partial(_give, taking, target, copied))
        return copied


def _give(taking: Engine, target: IndexPlace, copied: dict[str, int], source: Connection) -> None:
    taking.alter(partial(_take, source, target, copied))


def _take(source: Connection, place: IndexPlace, copied: dict[str, int], target: Connection) -> None:
    held = [table.name for table in KEPT_TABLES if target.execute(select(func.count()).select_from(table)).scalar()]
    if held:
        raise Unavailable(
            f"the index {place} has rows of its own already, in {', '.join(held)}; nothing was moved. "
            "Name an empty database"
        )
    for table in KEPT_TABLES:
        copied[table.name] = _copy(select(table), table, source, target)
    for table, rows in _what_the_trash_needs():
        _copy(rows, table, source, target)
    if target.dialect.name == "postgresql":
        _continue_numbers(target)


def _what_the_trash_needs() -> Iterator[tuple[Table, Select[tuple[object, ...]]]]:
    """Manifests that were removed by digest have no link in storage that they could be adopted by."""
    trashed = select(TRASH.c.digest)
    columns = [column for column in MANIFESTS.columns if column.name != "id"]
    yield MANIFESTS, select(*columns).where(MANIFESTS.c.digest.in_(trashed))
    yield REFERENCES, select(REFERENCES).where(REFERENCES.c.manifest.in_(trashed))


def _copy(rows: Select[tuple[object, ...]], table: Table, source: Connection, target: Connection) -> int:
    count = 0
    adding = cast("Executable", insert_absent(table, *rows.selected_columns.keys())(target.dialect))
    for part in source.execute(rows.execution_options(yield_per=ROWS)).mappings().partitions():
        target.execute(adding, [dict(row) for row in part])
        count += len(part)
    return count


def _continue_numbers(target: Connection) -> None:
    """A sequence knows nothing of numbers that were given with their rows."""
    for table in KEPT_TABLES:
        if "id" in table.columns:
            highest = select(func.max(table.c.id)).scalar_subquery()
            sequence = func.pg_get_serial_sequence(text(f"'{table.name}'"), text("'id'"))
            target.execute(select(func.setval(sequence, func.coalesce(highest, 1), highest.is_not(None))))
