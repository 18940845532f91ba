# SPDX-License-Identifier: Apache-2.0
"""The tables. Names compare bytewise on every database.

    repositories ─┬                  complete: all that storage holds of it is known (asked while adopting)
                  ├─ tags ────────── name → digest
                  ├─ revisions ───── manifests this repository holds, with their subject
                  └─ layers ──────── blobs this repository holds
    manifests ────── references ──── what each manifest names (blob, manifest); payload once per digest
    blobs                            sizes, whether we verified the bytes, whether they are condemned
    intents ──────── pins            changes under way: the lock on a name, and what it needs to stay
    removals                         who removes by a change under way, and for how long it can be restored
    kept                             small values about the index: which programs it can serve, whether it is complete
    leases                           which process does which job
    trash, history, collected        what storage cannot tell: a rebuild never touches these
    pulls                            how often and when last each tag and manifest was pulled; nor this
    accounts and what belongs to them (``people_schema.py``); nor these
    events, event_endpoints          what happened, and how far each endpoint was told; a rebuild never touches them

References are by digest, never by foreign key: what they name may come later, or be gone.
A change here needs a migration (``migrations/``); a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    LargeBinary,
    Table,
    false,
)

from entrepot.index.columns import ID, METADATA, NAME
from entrepot.index.people_schema import DIRECTORY

OLDEST_PROGRAM = "oldest_program"
"""The key in ``kept`` that says the oldest version of this program that can serve this schema."""

REPOSITORIES = Table(
    "repositories",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("name", NAME, nullable=False, unique=True),
    Column("complete", Boolean, nullable=False, server_default=false()),
)

BLOBS = Table(
    "blobs",
    METADATA,
    Column("digest", NAME, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("touched_at", Float, nullable=False),
    Column("condemned_at", Float),
    sqlite_with_rowid=False,
)

LAYERS = Table(
    "layers",
    METADATA,
    Column("repository_id", ID, primary_key=True, autoincrement=False),
    Column("digest", NAME, primary_key=True),
    Column("content", NAME, nullable=False),
    Column("touched_at", Float, nullable=False),
    Index("layers_by_content", "content"),
    sqlite_with_rowid=False,
)

MANIFESTS = Table(
    "manifests",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("digest", NAME, nullable=False, unique=True),
    Column("media_type", NAME, nullable=False),
    Column("artifact_type", NAME),
    Column("payload", LargeBinary, nullable=False),
)

REVISIONS = Table(
    "revisions",
    METADATA,
    Column("repository_id", ID, primary_key=True, autoincrement=False),
    Column("digest", NAME, primary_key=True),
    Column("subject", NAME),
    Column("pushed_at", Float, nullable=False),
    Column("hidden", Boolean, nullable=False, server_default=false()),
    Index("revisions_by_digest", "digest"),
    Index("revisions_by_subject", "repository_id", "subject"),
    sqlite_with_rowid=False,
)

REFERENCES = Table(
    "manifest_references",
    METADATA,
    Column("manifest", NAME, primary_key=True),
    Column("kind", NAME, primary_key=True),
    Column("target", NAME, primary_key=True),
    Index("references_by_target", "target"),
    sqlite_with_rowid=False,
)

TAGS = Table(
    "tags",
    METADATA,
    Column("repository_id", ID, primary_key=True, autoincrement=False),
    Column("name", NAME, primary_key=True),
    Column("digest", NAME, nullable=False),
    Column("moved_at", Float, nullable=False),
    Index("tags_by_digest", "repository_id", "digest"),
    sqlite_with_rowid=False,
)

INTENTS = Table(
    "intents",
    METADATA,
    Column("repository", NAME, primary_key=True),
    Column("kind", NAME, primary_key=True),
    Column("name", NAME, primary_key=True),
    Column("change", NAME, nullable=False),
    Column("holder", NAME, nullable=False),
    Column("begun_at", Float, nullable=False),
    Index("intents_by_change", "change"),
    sqlite_with_rowid=False,
)

PINS = Table(
    "pins",
    METADATA,
    Column("repository", NAME, primary_key=True),
    Column("kind", NAME, primary_key=True),
    Column("name", NAME, primary_key=True),
    Column("change", NAME, primary_key=True),
    Index("pins_by_change", "change"),
    sqlite_with_rowid=False,
)

REMOVALS = Table(
    "removals",
    METADATA,
    Column("change", NAME, primary_key=True),
    Column("actor", NAME, nullable=False),
    Column("keep", Float, nullable=False),
    Column("done_at", Float, nullable=False),
    sqlite_with_rowid=False,
)

KEPT = Table(
    "kept",
    METADATA,
    Column("key", NAME, primary_key=True),
    Column("value", NAME, nullable=False),
)

LEASES = Table(
    "leases",
    METADATA,
    Column("job", NAME, primary_key=True),
    Column("holder", NAME, nullable=False),
    Column("expires_at", Float, nullable=False),
)

TRASH = Table(
    "trash",
    METADATA,
    Column("repository", NAME, primary_key=True),
    Column("digest", NAME, primary_key=True),
    Column("trashed_at", Float, nullable=False),
    Column("due_at", Float, nullable=False),
    Column("actor", NAME, nullable=False),
    Column("linked", Boolean, nullable=False),
    Index("trash_by_digest", "digest"),
    Index("trash_by_due", "due_at"),
    sqlite_with_rowid=False,
)

HISTORY = Table(
    "history",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("repository", NAME, nullable=False),
    Column("tag", NAME, nullable=False),
    Column("moved_at", Float, nullable=False),
    Column("actor", NAME, nullable=False),
    Column("action", NAME, nullable=False),
    Column("old", NAME),
    Column("new", NAME),
    Index("history_by_tag", "repository", "tag", "id"),
    Index("history_by_old", "repository", "old", "moved_at"),
)

PULLS = Table(
    "pulls",
    METADATA,
    Column("repository", NAME, primary_key=True),
    Column("kind", NAME, primary_key=True),
    Column("name", NAME, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last_at", Float, nullable=False),
    Column("due_at", Float),
    Index("pulls_by_due", "due_at"),
    sqlite_with_rowid=False,
)

COLLECTED = Table(
    "collected",
    METADATA,
    Column("digest", NAME, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("collected_at", Float, nullable=False),
    Index("collected_by_time", "collected_at"),
    sqlite_with_rowid=False,
)

EVENTS = Table(
    "events",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("position", BigInteger),
    Column("created_at", Float, nullable=False),
    Column("body", NAME, nullable=False),
    Column("repository", NAME),
    Index("events_by_position", "position", "id"),
)

EVENT_ENDPOINTS = Table(
    "event_endpoints",
    METADATA,
    Column("name", NAME, primary_key=True),
    Column("position", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

KEPT_TABLES = (HISTORY, PULLS, TRASH, COLLECTED, EVENTS, EVENT_ENDPOINTS, *DIRECTORY)
"""Tables that storage cannot tell and a rebuild never touches; ``entrepot index move`` takes them along."""
