# SPDX-License-Identifier: Apache-2.0
"""The tables of who there is and what they may do.

accounts ─────── account_roles ─ roles
rules ────────── patterns        over names of repositories
matches                          which repositories each pattern matches: derived, as repositories are
directory_version                raised with each change of accounts, roles and rules
signing_keys                     what tokens are signed with
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Table

from entrepot.index.columns import ID, METADATA, NAME

SIGNING_KEYS = Table(
    "signing_keys",
    METADATA,
    Column("purpose", NAME, primary_key=True),
    Column("key", NAME, nullable=False),
    Column("certificate", NAME, nullable=False),
    Column("made_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("name", NAME, primary_key=True),
    Column("kind", NAME, nullable=False),
    Column("secret", NAME, nullable=False),
    Column("locked", Boolean, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("comment", NAME, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("used_at", Float),
    Index("accounts_by_kind", "kind", "name"),
    sqlite_with_rowid=False,
)

ROLES = Table(
    "roles",
    METADATA,
    Column("name", NAME, primary_key=True),
    Column("comment", NAME, nullable=False),
    sqlite_with_rowid=False,
)
"""Without the built-in ones, which are always there."""

ACCOUNT_ROLES = Table(
    "account_roles",
    METADATA,
    Column("account", NAME, primary_key=True),
    Column("role", NAME, primary_key=True),
    Index("account_roles_by_role", "role", "account"),
    sqlite_with_rowid=False,
)

PATTERNS = Table(
    "patterns",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("pattern", NAME, unique=True),
    Column("filled", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
"""``pattern`` NULL: no rule uses it any more, its matches are about to go. ``filled``: every repository that it matches
is among them. An id is never given twice: who has read it might still look by it.
"""

RULES = Table(
    "rules",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("subject", NAME, nullable=False),
    Column("pattern_id", ID, nullable=False),
    Column("network", NAME, nullable=False),
    Column("actions", NAME, nullable=False),
    Column("comment", NAME, nullable=False),
    Index("rules_once", "subject", "pattern_id", "network", "actions", unique=True),
    Index("rules_by_pattern", "pattern_id"),
    sqlite_autoincrement=True,
)

MATCHES = Table(
    "matches",
    METADATA,
    Column("pattern_id", ID, primary_key=True, autoincrement=False),
    Column("repository", NAME, primary_key=True),
    Index("matches_by_repository", "repository"),
    sqlite_with_rowid=False,
)

DIRECTORY_VERSION = Table(
    "directory_version",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
)
"""One row, none before the first change."""

DIRECTORY = (SIGNING_KEYS, ACCOUNTS, ROLES, ACCOUNT_ROLES, PATTERNS, RULES, DIRECTORY_VERSION)
