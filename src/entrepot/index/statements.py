# SPDX-License-Identifier: Apache-2.0
"""Statements are written once in SQLAlchemy Core and compiled once for the database in use.

Executing the compiled text on the driver costs 8 µs for the three-table join of a pull, where SQLAlchemy's execution
costs 60 µs: too much for the hot path, and a push runs about thirty statements.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from sqlalchemy import BindParameter, ColumnElement, Table, Text, bindparam, cast, collate
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

Value = str | int | float | bytes | None
Row = tuple[Value, ...]
Draft = Callable[[Dialect], ClauseElement]
"""A clause that is written in the words of the database it is compiled for."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Text for the driver, the order of its parameters, and the values of those that are constant."""

    text: str
    order: tuple[str, ...]
    constants: Mapping[str, Value]

    @classmethod
    def compile(cls, clause: ClauseElement | Draft, dialect: Dialect) -> Self:
        """``clause`` for ``dialect``; parameters are its bind parameters by name."""
        written = clause if isinstance(clause, ClauseElement) else clause(dialect)
        compiled = written.compile(dialect=dialect)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError(f"no statement but a definition: {compiled}")
        order = tuple(compiled.positiontup or ())
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return cls(str(compiled), order, constants)

    def bind(self, values: Mapping[str, Value]) -> tuple[Value, ...]:
        """The parameters in the order of the text. Raises ``KeyError`` where one is missing."""
        constants = self.constants
        return tuple(values[name] if name in values else constants[name] for name in self.order)


def sqlite_dialect() -> Dialect:
    """SQLite with ``?`` parameters."""
    return sqlite.dialect(paramstyle="qmark")


def insert_absent(table: Table, *columns: str) -> Draft:
    """INSERT of a row that is left alone if it is there; all columns unless ``columns`` names them."""
    names = columns or tuple(column.name for column in table.columns)
    return lambda dialect: _insert(table, names, dialect).on_conflict_do_nothing()


def insert_replacing(table: Table, keys: tuple[str, ...], *columns: str) -> Draft:
    """INSERT of a row that replaces the values of the one with the same ``keys``: all unless ``columns`` names them."""
    names = tuple(column.name for column in table.columns)

    def write(dialect: Dialect) -> ClauseElement:
        clause = _insert(table, names, dialect)
        changed = {name: clause.excluded[name] for name in columns or names if name not in keys}
        return clause.on_conflict_do_update(index_elements=list(keys), set_=changed)

    return write


def bytewise(value: ColumnElement[str], dialect: Dialect) -> ColumnElement[str]:
    """A value as columns of names compare it, for where no column says so: the first part of a recursive query."""
    return collate(cast(value, Text), "C") if dialect.name == "postgresql" else value


def _insert(table: Table, names: tuple[str, ...], dialect: Dialect) -> sqlite.Insert:
    """Both databases know ON CONFLICT, and SQLAlchemy has a class of the same shape for each.

    ``inline``: without RETURNING, which nobody here reads.
    """
    values: dict[str, BindParameter[object]] = {name: bindparam(name) for name in names}
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).values(values).inline()  # type: ignore[return-value]
    return sqlite.insert(table).values(values).inline()
