# SPDX-License-Identifier: Apache-2.0
"""Rows of rules and of the patterns they speak of. Inside transactions of ``entrepot.index.directory.Directory``."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BindParameter, bindparam, delete, exists, false, insert, null, select, true, update
from sqlalchemy.engine.interfaces import Dialect

from entrepot.index.engine import Transaction
from entrepot.index.matches import ROWS
from entrepot.index.people_schema import MATCHES, PATTERNS, RULES
from entrepot.index.statements import Row, Statement, Value, insert_absent
from entrepot.oci.access import write_actions
from entrepot.oci.errors import AccessConflict, AccessUnknown


@dataclass(frozen=True, slots=True)
class Rule:
    """``subject``: ``role:NAME``, ``user:NAME`` or ``robot:NAME``. ``pattern`` over repository names, see
    ``oci.globs``; ``pattern_id``: of the rows that say what it matches. ``network``: addresses of clients in CIDR form
    or as a glob (``192.168.*``), ``*`` for all. ``actions``: of ``pull``, ``push``, ``delete``.
    """

    id: int
    subject: str
    pattern: str
    pattern_id: int
    network: str
    actions: frozenset[str]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class NewRule:
    """A rule that is not there yet."""

    subject: str
    pattern: str
    network: str
    actions: frozenset[str]
    comment: str


class RuleRows:
    """The statements on rules and patterns."""

    def __init__(self, dialect: Dialect) -> None:
        columns = (RULES.c.id, RULES.c.subject, PATTERNS.c.pattern, RULES.c.pattern_id, RULES.c.network)
        joined = select(*columns, RULES.c.actions, RULES.c.comment).where(PATTERNS.c.id == RULES.c.pattern_id)
        self.all = Statement.compile(joined, dialect)
        self._one = Statement.compile(joined.where(RULES.c.id == bindparam("of")), dialect)
        same = (RULES.c[key] == bindparam(f"a_{key}") for key in ("subject", "network", "actions"))
        self._same = Statement.compile(joined.where(PATTERNS.c.pattern == bindparam("a_pattern"), *same), dialect)
        self._of_subject = Statement.compile(joined.where(RULES.c.subject == bindparam("of")), dialect)
        row: dict[str, BindParameter[object]] = {
            name: bindparam(name) for name in ("subject", "pattern_id", "network", "actions", "comment")
        }
        self._add = Statement.compile(insert(RULES).inline().values(row), dialect)
        self._drop = Statement.compile(delete(RULES).where(RULES.c.id == bindparam("of")), dialect)
        self._pattern = Statement.compile(
            select(PATTERNS.c.id, PATTERNS.c.filled).where(PATTERNS.c.pattern == bindparam("text")), dialect
        )
        self._add_pattern = Statement.compile(insert_absent(PATTERNS, "pattern", "filled"), dialect)
        this = PATTERNS.c.id == bindparam("this")
        self._set_filled = Statement.compile(
            update(PATTERNS).where(this, PATTERNS.c.pattern == bindparam("text")).values(filled=true()), dialect
        )
        used = exists().where(RULES.c.pattern_id == PATTERNS.c.id)
        self._retire = Statement.compile(
            update(PATTERNS).where(this, ~used).values(pattern=null(), filled=false()), dialect
        )
        self._retired = Statement.compile(select(PATTERNS.c.id).where(PATTERNS.c.pattern.is_(None)).limit(1), dialect)
        some = select(MATCHES.c.repository).where(MATCHES.c.pattern_id == bindparam("this")).limit(ROWS)
        self._drop_matches = Statement.compile(
            delete(MATCHES).where(MATCHES.c.pattern_id == bindparam("this"), MATCHES.c.repository.in_(some)), dialect
        )
        self._drop_pattern = Statement.compile(delete(PATTERNS).where(this), dialect)

    def prepare_pattern(self, pattern: str, tx: Transaction) -> tuple[int, bool]:
        """The id of a pattern, and whether all its matches are there; from now on new repositories meet it."""
        tx.execute(self._add_pattern, {"pattern": pattern, "filled": False})
        row = tx.one(self._pattern, {"text": pattern})
        assert row is not None  # noqa: S101 - inserted in this transaction, where it was missing
        return int(row[0] or 0), bool(row[1])

    def require_new(self, new: NewRule, tx: Transaction) -> None:
        """Raises ``AccessConflict`` where the same rule is there."""
        found = self._find(new, tx)
        if found is not None:
            raise AccessConflict(f"the same rule is there already, with the number {found.id}")

    def add(self, new: NewRule, pattern_id: int, tx: Transaction) -> Rule | None:
        """The rule, whose pattern is filled; None where that pattern was retired meanwhile."""
        self.require_new(new, tx)
        if not tx.execute(self._set_filled, {"this": pattern_id, "text": new.pattern}):
            return None
        row: dict[str, Value] = {
            "subject": new.subject,
            "pattern_id": pattern_id,
            "network": new.network,
            "actions": write_actions(new.actions),
            "comment": new.comment,
        }
        tx.execute(self._add, row)
        return self._find(new, tx)

    def drop(self, rule_id: int, tx: Transaction) -> Rule:
        """The rule that was; a pattern that only it spoke of is retired."""
        row = tx.one(self._one, {"of": rule_id})
        if row is None:
            raise AccessUnknown(f"there is no rule with the number {rule_id}")
        rule = read_rule(row)
        tx.execute(self._drop, {"of": rule_id})
        self.retire(rule.pattern_id, tx)
        return rule

    def drop_of(self, subject: str, tx: Transaction) -> None:
        """All rules of somebody."""
        for row in tx.all(self._of_subject, {"of": subject}):
            self.drop(read_rule(row).id, tx)

    def retire(self, pattern_id: int, tx: Transaction) -> None:
        """A pattern of which no rule speaks is none any more; its matches can go."""
        tx.execute(self._retire, {"this": pattern_id})

    def drop_retired(self, tx: Transaction) -> bool:
        """Remove some matches of retired patterns; whether there may be more."""
        row = tx.one(self._retired, {})
        if row is None:
            return False
        if tx.execute(self._drop_matches, {"this": row[0]}) < ROWS:
            tx.execute(self._drop_pattern, {"this": row[0]})
        return True

    def _find(self, new: NewRule, tx: Transaction) -> Rule | None:
        row = tx.one(
            self._same,
            {
                "a_subject": new.subject,
                "a_pattern": new.pattern,
                "a_network": new.network,
                "a_actions": write_actions(new.actions),
            },
        )
        return None if row is None else read_rule(row)


def read_rule(row: Row) -> Rule:
    """A rule from its row."""
    rule_id, subject, pattern, pattern_id, network, actions, comment = row
    return Rule(
        id=int(rule_id or 0),
        subject=str(subject),
        pattern=str(pattern),
        pattern_id=int(pattern_id or 0),
        network=str(network),
        actions=frozenset(str(actions).split(",")),
        comment=str(comment),
    )


def read_rules(rows: Sequence[Row]) -> Sequence[Rule]:
    """Rules by subject and id."""
    return sorted(map(read_rule, rows), key=lambda rule: (rule.subject, rule.id))
