# SPDX-License-Identifier: Apache-2.0
"""Accounts, roles and rules: who there is, and what was said about what they may do.

What all of that means is decided in the auth room. Each change is one transaction, durable on return, and changes
:meth:`Directory.version`, by which every process notices within a second.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from sqlalchemy import bindparam, insert, select, update

from entrepot.index.accounts import ADMINISTRATORS as ADMINISTRATORS  # noqa: PLC0414 - part of what we hand out
from entrepot.index.accounts import ANONYMOUS as ANONYMOUS  # noqa: PLC0414 - as above
from entrepot.index.accounts import BUILT_IN as BUILT_IN  # noqa: PLC0414 - as above
from entrepot.index.accounts import EVERYONE as EVERYONE  # noqa: PLC0414 - as above
from entrepot.index.accounts import Account as Account  # noqa: PLC0414 - as above
from entrepot.index.accounts import AccountKind as AccountKind  # noqa: PLC0414 - as above
from entrepot.index.accounts import AccountRows, read_account, read_roles
from entrepot.index.accounts import Role as Role  # noqa: PLC0414 - as above
from entrepot.index.engine import Engine, Transaction
from entrepot.index.matches import Matches
from entrepot.index.people_schema import DIRECTORY_VERSION
from entrepot.index.rules import NewRule, RuleRows, read_rules
from entrepot.index.rules import Rule as Rule  # noqa: PLC0414 - as above
from entrepot.index.statements import Statement, Value
from entrepot.oci.errors import AccessConflict, AccessUnknown

Result = TypeVar("Result")

HIGHEST = 2**63 - 1
"""No database gives a higher number to a row."""


class Directory:
    """Who there is, and what was said about them. All raise ``Unavailable`` where the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = engine.dialect
        self._accounts = AccountRows(dialect)
        self._rules = RuleRows(dialect)
        self._matches = Matches(dialect)
        number = DIRECTORY_VERSION.c.number
        self._version = Statement.compile(select(number).where(number > 0), dialect)
        self._raise = Statement.compile(update(DIRECTORY_VERSION).where(number > 0).values(number=number + 1), dialect)
        self._begin = Statement.compile(insert(DIRECTORY_VERSION).inline().values(number=bindparam("first")), dialect)

    async def version(self) -> int:
        """Another number after each change. Costs microseconds on SQLite."""
        row = await self._engine.read_one(self._version, *self._version.bind({}))
        return 0 if row is None else int(row[0] or 0)

    async def account(self, name: str) -> Account | None:
        """The account with its roles, by name; microseconds on SQLite. Any text may be asked for."""
        if not _can_be_kept(name):
            return None
        row = await self._engine.read_one(self._accounts.one, *self._accounts.one.bind({"of": name}))
        return None if row is None else read_account(row)

    async def accounts(self, kind: AccountKind, last: str, limit: int) -> Sequence[Account]:
        """Accounts of a kind after ``last``, by name, bytewise."""
        wanted: dict[str, Value] = {"of_kind": kind, "last": last.partition("\0")[0], "limit": limit}
        return [read_account(row) for row in await self._engine.read(self._accounts.page, wanted)]

    async def add_account(self, account: Account) -> None:
        """Add an account with its roles. Raises ``AccessConflict`` where the name is taken, ``AccessUnknown`` where a
        role is not there. Its epoch is given here: no token of an earlier account of that name holds for it.
        """

        def add(tx: Transaction) -> None:
            self._accounts.add(account, self._next(tx), tx)

        await self._change(add)

    async def set_secret(self, name: str, secret: str) -> None:
        """Give a new secret; raises the epoch. Raises ``AccessUnknown``, ``AccessConflict`` where the last
        administrator would have none.
        """
        await self._change(self._with_administrator(partial(self._accounts.set_secret, name, secret)))

    async def renew_secret(self, name: str, secret: str, expires_at: float | None) -> None:
        """Give a new secret that expires then, None: never; raises the epoch. Raises as :meth:`set_secret`."""
        await self._change(self._with_administrator(partial(self._accounts.renew_secret, name, secret, expires_at)))

    async def replace_secret(self, name: str, old: str, new: str) -> None:
        """The same secret hashed anew: nothing where it is not ``old`` any more; the epoch stays."""

        def replace(tx: Transaction) -> None:
            if self._accounts.replace_secret(name, old, new, tx):
                self._bump(tx)

        await self._engine.write(replace)

    async def set_locked(self, name: str, *, locked: bool) -> None:
        """Lock or unlock; raises the epoch. Raises ``AccessUnknown``, ``AccessConflict`` for the last administrator."""
        await self._change(self._with_administrator(partial(self._accounts.set_locked, name, locked)))

    async def set_comment(self, name: str, comment: str) -> None:
        """Raises ``AccessUnknown``."""
        await self._change(partial(self._accounts.set_comment, name, comment))

    async def remove_account(self, name: str) -> None:
        """Remove it with its own rules. Raises ``AccessUnknown``, ``AccessConflict`` for the last administrator."""

        def remove(tx: Transaction) -> None:
            gone = self._accounts.drop(name, tx)
            self._rules.drop_of(f"{gone.kind}:{gone.name}", tx)

        await self._change(self._with_administrator(remove))
        await self._drop_retired()

    async def give_role(self, name: str, role: str) -> None:
        """Nothing where the account has it. Raises ``AccessUnknown``; ``AccessConflict`` for ``everyone`` and
        ``anonymous``, which nobody is given.
        """
        await self._change(partial(self._accounts.give, name, role))

    async def take_role(self, name: str, role: str) -> None:
        """Raises ``AccessUnknown`` where the account has it not, ``AccessConflict`` for the last administrator."""
        await self._change(self._with_administrator(partial(self._accounts.take, name, role)))

    async def count_administrators(self) -> int:
        """Users that have the role, are not locked and have a secret."""
        return await self._engine.read_together(self._count_administrators)

    async def note_used(self, moments: Sequence[tuple[str, float]]) -> None:
        """When accounts were last used; changes no version."""
        await self._engine.write(partial(self._accounts.set_used, moments))

    async def roles(self) -> Sequence[Role]:
        """All of them by name, the built-in ones too."""
        return read_roles(await self._engine.read(self._accounts.roles, {}))

    async def add_role(self, name: str, comment: str) -> None:
        """Raises ``AccessConflict`` where it is there."""
        await self._change(partial(self._accounts.add_role, name, comment))

    async def remove_role(self, name: str) -> None:
        """Remove it with its rules, and from all who have it. Raises ``AccessUnknown``, ``AccessConflict`` for one that
        is built in.
        """

        def remove(tx: Transaction) -> None:
            self._accounts.drop_role(name, tx)
            self._rules.drop_of(f"role:{name}", tx)

        await self._change(remove)
        await self._drop_retired()

    async def rules(self) -> Sequence[Rule]:
        """All of them, by subject and id."""
        return read_rules(await self._engine.read(self._rules.all, {}))

    async def add_rule(self, subject: str, pattern: str, network: str, actions: frozenset[str], comment: str) -> Rule:
        """Holds on return. Raises ``AccessUnknown`` where there is no such subject, ``AccessConflict`` where the same
        rule is there.

        First the repositories that ``pattern`` matches become rows, 200 in a transaction, then the rule is written: a
        list that is filtered by it is complete from its first moment.
        """
        new = NewRule(subject, pattern, network, actions, comment)
        while True:
            pattern_id, filled = await self._engine.write(partial(self._prepare, new))
            if not filled:
                await self._fill(pattern_id, pattern)
            try:
                rule = await self._change(partial(self._add_rule, new, pattern_id))
            except (AccessUnknown, AccessConflict):
                await self._engine.write(partial(self._rules.retire, pattern_id))
                await self._drop_retired()
                raise
            if rule is not None:
                return rule

    async def remove_rule(self, rule_id: int) -> Rule:
        """The rule that was. Raises ``AccessUnknown``."""
        if not 0 < rule_id <= HIGHEST:
            raise AccessUnknown(f"there is no rule with the number {rule_id}")
        rule = await self._change(partial(self._rules.drop, rule_id))
        await self._drop_retired()
        return rule

    async def _change(self, work: Callable[[Transaction], Result]) -> Result:
        """In one transaction with the new version."""

        def change(tx: Transaction) -> Result:
            result = work(tx)
            self._bump(tx)
            return result

        return await self._engine.write(change)

    def _with_administrator(self, work: Callable[[Transaction], None]) -> Callable[[Transaction], None]:
        """``work``, undone where it takes the last administrator away."""

        def guarded(tx: Transaction) -> None:
            before = self._count_administrators(tx)
            work(tx)
            if before and not self._count_administrators(tx):
                raise AccessConflict("this is the last administrator; make another one first")

        return guarded

    def _count_administrators(self, tx: Transaction) -> int:
        row = tx.one(self._accounts.administrators, {})
        return 0 if row is None else int(row[0] or 0)

    def _bump(self, tx: Transaction) -> None:
        if not tx.execute(self._raise, {}):
            tx.execute(self._begin, {"first": 1})

    def _next(self, tx: Transaction) -> int:
        """The version that this change will make."""
        row = tx.one(self._version, {})
        return 1 + (0 if row is None else int(row[0] or 0))

    def _require_subject(self, subject: str, tx: Transaction) -> None:
        kind, _, name = subject.partition(":")
        if kind == "role":
            found = self._accounts.has_role(name, tx)
        else:
            account = self._accounts.find(name, tx)
            found = account is not None and account.kind == kind
        if not found:
            raise AccessUnknown(f"there is no {kind} {name!r}")

    def _prepare(self, new: NewRule, tx: Transaction) -> tuple[int, bool]:
        self._require_subject(new.subject, tx)
        self._rules.require_new(new, tx)
        return self._rules.prepare_pattern(new.pattern, tx)

    def _add_rule(self, new: NewRule, pattern_id: int, tx: Transaction) -> Rule | None:
        self._require_subject(new.subject, tx)
        return self._rules.add(new, pattern_id, tx)

    async def _fill(self, pattern_id: int, pattern: str) -> None:
        first: str | None = ""
        while first is not None:
            first = await self._engine.write(partial(self._matches.fill, pattern_id, pattern, first))

    async def _drop_retired(self) -> None:
        """What a process that died in between has left, too."""
        while await self._engine.write(self._rules.drop_retired):
            pass


def _can_be_kept(name: str) -> bool:
    """Whether a database takes it at all, even to look for."""
    return name.isascii() and "\0" not in name
