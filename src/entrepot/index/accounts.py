# SPDX-License-Identifier: Apache-2.0
"""Rows of accounts and roles. Inside transactions of :class:`entrepot.index.directory.Directory`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

from sqlalchemy import Select, bindparam, delete, false, func, insert, literal_column, select, update
from sqlalchemy.engine.interfaces import Dialect

from entrepot.index.engine import Transaction
from entrepot.index.people_schema import ACCOUNT_ROLES, ACCOUNTS, ROLES
from entrepot.index.statements import Row, Statement, Value, insert_absent
from entrepot.oci.errors import AccessConflict, AccessUnknown

ADMINISTRATORS = "administrators"
"""The role that may do everything. Somebody has it always, not locked."""

EVERYONE = "everyone"
"""The role that all have who are signed in."""

ANONYMOUS = "anonymous"
"""The role that everybody has, signed in or not."""

BUILT_IN = (ADMINISTRATORS, ANONYMOUS, EVERYONE)

AccountKind = Literal["user", "robot"]


@dataclass(frozen=True, slots=True)
class Account:
    """A user or a robot; they share one space of names.

    ``secret``: the hash of password or token, "" where there is none. ``epoch``: raised with each new
    secret, lock and unlock; tokens hold for one epoch. One that is added begins higher than any before it of that name
    ended. Times in Unix seconds; ``expires_at`` None: never, ``used_at`` None: not yet. ``roles``: by name.
    """

    name: str
    kind: AccountKind
    secret: str = field(repr=False)
    locked: bool = False
    epoch: int = 1
    comment: str = ""
    created_at: float = 0.0
    expires_at: float | None = None
    used_at: float | None = None
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Role:
    """``built_in``: it cannot be removed."""

    name: str
    comment: str = ""
    built_in: bool = False


_SAID = {
    ADMINISTRATORS: "may do everything",
    EVERYONE: "all who are signed in",
    ANONYMOUS: "everybody, signed in or not",
}


class AccountRows:
    """The statements on accounts and roles. Not to be used by several threads, but for reading."""

    def __init__(self, dialect: Dialect) -> None:
        of = ACCOUNTS.c.name == bindparam("of")
        mine = ACCOUNT_ROLES.c.account == bindparam("of")
        role = ACCOUNT_ROLES.c.role == bindparam("role")
        self.one = Statement.compile(_select_accounts(dialect).where(of), dialect)
        self.page = Statement.compile(
            _select_accounts(dialect)
            .where(ACCOUNTS.c.kind == bindparam("of_kind"), ACCOUNTS.c.name > bindparam("last"))
            .order_by(ACCOUNTS.c.name)
            .limit(bindparam("limit")),
            dialect,
        )
        self.administrators = Statement.compile(
            select(func.count())
            .select_from(ACCOUNT_ROLES)
            .where(
                ACCOUNT_ROLES.c.role == ADMINISTRATORS,
                ACCOUNTS.c.name == ACCOUNT_ROLES.c.account,
                ACCOUNTS.c.kind == "user",
                ACCOUNTS.c.locked == false(),
                ACCOUNTS.c.secret != "",
            ),
            dialect,
        )
        self.roles = Statement.compile(select(ROLES.c.name, ROLES.c.comment).order_by(ROLES.c.name), dialect)
        self._add = Statement.compile(insert_absent(ACCOUNTS), dialect)
        raised = ACCOUNTS.c.epoch + 1
        self._set_secret = Statement.compile(
            update(ACCOUNTS).where(of).values(secret=bindparam("new"), epoch=raised), dialect
        )
        self._renew_secret = Statement.compile(
            update(ACCOUNTS).where(of).values(secret=bindparam("new"), expires_at=bindparam("expires"), epoch=raised),
            dialect,
        )
        self._replace_secret = Statement.compile(
            update(ACCOUNTS).where(of, ACCOUNTS.c.secret == bindparam("old")).values(secret=bindparam("new")), dialect
        )
        self._set_locked = Statement.compile(
            update(ACCOUNTS).where(of).values(locked=bindparam("new"), epoch=raised), dialect
        )
        self._set_comment = Statement.compile(update(ACCOUNTS).where(of).values(comment=bindparam("new")), dialect)
        self._set_used = Statement.compile(update(ACCOUNTS).where(of).values(used_at=bindparam("new")), dialect)
        self._drop = Statement.compile(delete(ACCOUNTS).where(of), dialect)
        self._give = Statement.compile(insert_absent(ACCOUNT_ROLES), dialect)
        self._take = Statement.compile(delete(ACCOUNT_ROLES).where(mine, role), dialect)
        self._take_all = Statement.compile(delete(ACCOUNT_ROLES).where(mine), dialect)
        self._take_from_all = Statement.compile(delete(ACCOUNT_ROLES).where(role), dialect)
        self._role = Statement.compile(select(ROLES.c.name).where(ROLES.c.name == bindparam("of")), dialect)
        self._add_role = Statement.compile(insert(ROLES).inline(), dialect)
        self._drop_role = Statement.compile(delete(ROLES).where(ROLES.c.name == bindparam("of")), dialect)

    def find(self, name: str, tx: Transaction) -> Account | None:
        """The account of that name."""
        row = tx.one(self.one, {"of": name})
        return None if row is None else read_account(row)

    def require(self, name: str, tx: Transaction) -> Account:
        """The same; raises ``AccessUnknown`` where it is not there."""
        found = self.find(name, tx)
        if found is None:
            raise AccessUnknown(f"there is no account {name!r}")
        return found

    def has_role(self, role: str, tx: Transaction) -> bool:
        """Whether there is such a role."""
        return role in BUILT_IN or tx.one(self._role, {"of": role}) is not None

    def add(self, account: Account, epoch: int, tx: Transaction) -> None:
        """See ``Directory.add_account``."""
        row: dict[str, Value] = {
            "name": account.name,
            "kind": account.kind,
            "secret": account.secret,
            "locked": account.locked,
            "epoch": epoch,
            "comment": account.comment,
            "created_at": account.created_at,
            "expires_at": account.expires_at,
            "used_at": account.used_at,
        }
        if not tx.execute(self._add, row):
            taken = self.require(account.name, tx)
            raise AccessConflict(
                f"there is a {taken.kind} {account.name!r} already; users and robots share their names"
            )
        for role in account.roles:
            self.give(account.name, role, tx)

    def set_secret(self, name: str, secret: str, tx: Transaction) -> None:
        """See ``Directory.set_secret``."""
        self.require(name, tx)
        tx.execute(self._set_secret, {"of": name, "new": secret})

    def renew_secret(self, name: str, secret: str, expires_at: float | None, tx: Transaction) -> None:
        """See ``Directory.renew_secret``."""
        self.require(name, tx)
        tx.execute(self._renew_secret, {"of": name, "new": secret, "expires": expires_at})

    def replace_secret(self, name: str, old: str, new: str, tx: Transaction) -> bool:
        """Whether it was ``old``."""
        return bool(tx.execute(self._replace_secret, {"of": name, "old": old, "new": new}))

    def set_locked(self, name: str, locked: bool, tx: Transaction) -> None:  # noqa: FBT001 - a value that is kept
        """See ``Directory.set_locked``."""
        self.require(name, tx)
        tx.execute(self._set_locked, {"of": name, "new": locked})

    def set_comment(self, name: str, comment: str, tx: Transaction) -> None:
        """See ``Directory.set_comment``."""
        self.require(name, tx)
        tx.execute(self._set_comment, {"of": name, "new": comment})

    def set_used(self, moments: Sequence[tuple[str, float]], tx: Transaction) -> None:
        """See ``Directory.note_used``."""
        for name, moment in moments:
            tx.execute(self._set_used, {"of": name, "new": moment})

    def drop(self, name: str, tx: Transaction) -> Account:
        """The account that was, with its roles."""
        gone = self.require(name, tx)
        tx.execute(self._take_all, {"of": name})
        tx.execute(self._drop, {"of": name})
        return gone

    def give(self, name: str, role: str, tx: Transaction) -> None:
        """See ``Directory.give_role``."""
        self.require(name, tx)
        if role in {EVERYONE, ANONYMOUS}:
            raise AccessConflict(f"nobody is given the role {role!r}: it means {_SAID[role]}")
        if not self.has_role(role, tx):
            raise AccessUnknown(f"there is no role {role!r}")
        tx.execute(self._give, {"account": name, "role": role})

    def take(self, name: str, role: str, tx: Transaction) -> None:
        """See ``Directory.take_role``."""
        self.require(name, tx)
        if not tx.execute(self._take, {"of": name, "role": role}):
            raise AccessUnknown(f"{name!r} has not the role {role!r}")

    def add_role(self, name: str, comment: str, tx: Transaction) -> None:
        """See ``Directory.add_role``."""
        if self.has_role(name, tx):
            raise AccessConflict(f"there is a role {name!r} already")
        tx.execute(self._add_role, {"name": name, "comment": comment})

    def drop_role(self, name: str, tx: Transaction) -> None:
        """From all who have it, too."""
        if name in BUILT_IN:
            raise AccessConflict(f"the role {name!r} is built in and stays")
        if not tx.execute(self._drop_role, {"of": name}):
            raise AccessUnknown(f"there is no role {name!r}")
        tx.execute(self._take_from_all, {"role": name})


def read_account(row: Row) -> Account:
    """An account from its row."""
    name, kind, secret, locked, epoch, comment, created_at, expires_at, used_at, roles = row
    return Account(
        name=str(name),
        kind=cast("AccountKind", kind),
        secret=str(secret),
        locked=bool(locked),
        epoch=int(epoch or 0),
        comment=str(comment),
        created_at=float(created_at or 0),
        expires_at=None if expires_at is None else float(expires_at),
        used_at=None if used_at is None else float(used_at),
        roles=tuple(sorted(str(roles).split(","))) if roles else (),
    )


def read_roles(rows: Sequence[Row]) -> Sequence[Role]:
    """All roles by name."""
    kept = [Role(str(name), str(comment)) for name, comment in rows]
    return sorted([*kept, *(Role(name, _SAID[name], built_in=True) for name in BUILT_IN)], key=lambda role: role.name)


def _select_accounts(dialect: Dialect) -> Select[tuple[object, ...]]:
    join = func.string_agg if dialect.name == "postgresql" else func.group_concat
    roles = (
        select(join(ACCOUNT_ROLES.c.role, literal_column("','")))
        .where(ACCOUNT_ROLES.c.account == ACCOUNTS.c.name)
        .scalar_subquery()
    )
    return select(*ACCOUNTS.c, roles)
