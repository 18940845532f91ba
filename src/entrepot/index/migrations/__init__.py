# SPDX-License-Identifier: Apache-2.0
"""Alembic's migrations of the schema, one file each in ``versions``; ``migrating.py`` applies them at start.

Rules: a migration only adds, so that the release before goes on serving beside this one; what nobody reads any more is
removed one release later, and that migration raises ``oldest_program`` in ``kept``.
"""

REVISIONS = ("0001",)
"""All of them in order. Said here so that a start on a schema that is up to date need not load Alembic."""
