# SPDX-License-Identifier: Apache-2.0
"""All tables of the first release.

It makes what ``schema.METADATA`` holds. With the first release this is frozen: the tables of that day are then written
out here, and every later change of the schema is a migration of its own.
"""

from alembic import op

from entrepot.index.columns import METADATA
from entrepot.index.schema import KEPT, OLDEST_PROGRAM

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, and say which programs can serve them."""
    METADATA.create_all(op.get_bind())
    op.bulk_insert(KEPT, [{"key": OLDEST_PROGRAM, "value": "0.1.0"}])
