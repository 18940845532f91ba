# SPDX-License-Identifier: Apache-2.0
"""Which repositories each pattern of a rule matches, as rows, so that lists can be filtered at the cost of the page.

A pattern becomes a row first; from then on every repository that is made is compared with it. Those that were there
before follow in batches (:meth:`Matches.fill`). All of it inside transactions, of which there is one at a time. What
matches every name has no rows.
"""

from sqlalchemy import bindparam, delete, select
from sqlalchemy.engine.interfaces import Dialect

from entrepot.index.engine import Transaction
from entrepot.index.people_schema import MATCHES, PATTERNS
from entrepot.index.schema import REPOSITORIES
from entrepot.index.statements import Statement, insert_absent
from entrepot.oci.globs import Globs, literal_prefix, matches_everything
from entrepot.oci.names import RepositoryName

ROWS = 200
"""Rows written in one transaction, see ``changes.ROWS``."""

NAMES = 1000
"""Names compared in one transaction: a millisecond."""

_AFTER_ALL = "~"
"""Sorts behind all that names are made of."""

_BEFORE_ALL = " "
"""Sorts before it."""


class Matches:
    """The rows. Not to be used by several threads."""

    def __init__(self, dialect: Dialect) -> None:
        self._globs: dict[str, Globs] = {}
        self._patterns = Statement.compile(
            select(PATTERNS.c.id, PATTERNS.c.pattern).where(PATTERNS.c.pattern > ""), dialect
        )
        self._add = Statement.compile(insert_absent(MATCHES), dialect)
        self._forget = Statement.compile(delete(MATCHES).where(MATCHES.c.repository == bindparam("gone")), dialect)
        self._names = Statement.compile(
            select(REPOSITORIES.c.name)
            .where(REPOSITORIES.c.name >= bindparam("first"), REPOSITORIES.c.name < bindparam("until"))
            .order_by(REPOSITORIES.c.name)
            .limit(NAMES),
            dialect,
        )

    def meet(self, repository: RepositoryName, tx: Transaction) -> None:
        """A repository was made in this transaction."""
        rows = [(row[0], str(row[1])) for row in tx.all(self._patterns, {})]
        self._globs = {pattern: self._globs.get(pattern) or Globs([pattern]) for _, pattern in rows}
        for pattern_id, pattern in rows:
            if not matches_everything(pattern) and self._globs[pattern].match(repository):
                tx.execute(self._add, {"pattern_id": pattern_id, "repository": repository})

    def forget(self, repository: RepositoryName, tx: Transaction) -> None:
        """A repository was dropped in this transaction."""
        tx.execute(self._forget, {"gone": repository})

    def fill(self, pattern_id: int, pattern: str, first: str, tx: Transaction) -> str | None:
        """Write the next rows of a pattern for repositories from the name ``first`` on, "" for all. Returns from where
        to go on, None at the end.
        """
        if matches_everything(pattern):
            return None
        prefix = literal_prefix(pattern)
        rows = tx.all(self._names, {"first": max(first, prefix), "until": prefix + _AFTER_ALL})
        names = [str(row[0]) for row in rows]
        globs, written = Globs([pattern]), 0
        for name in names:
            if globs.match(name):
                tx.execute(self._add, {"pattern_id": pattern_id, "repository": name})
                written += 1
                if written == ROWS:
                    return f"{name}{_BEFORE_ALL}"
        return f"{names[-1]}{_BEFORE_ALL}" if len(names) == NAMES else None
