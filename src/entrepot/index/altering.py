# SPDX-License-Identifier: Apache-2.0
"""Runs what changes tables on a connection of SQLAlchemy's, as migrations want it: rare, and never on a hot path."""

from collections.abc import Callable

from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError


def alter_with(url: str, connect: Callable[[], object], begin: str, work: Callable[[Connection], None]) -> None:
    """Run ``work`` in one transaction that ``begin`` opens, on a connection that ``connect`` makes.

    ``url`` names the dialect. Raises the errors of the driver, as statements on it do.
    """
    engine = create_engine(url, creator=connect, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(begin)
            work(connection)
            connection.commit()
    except DBAPIError as error:
        if error.orig is None:
            raise
        raise error.orig from error
