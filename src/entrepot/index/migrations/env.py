# SPDX-License-Identifier: Apache-2.0
"""What Alembic runs for each command: migrations on the connection, and in the transaction, that it was given."""

from alembic import context

from entrepot.index.columns import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,  # on SQLite, too: the connection begins its transactions itself
    render_as_batch=False,  # a migration only adds, for which SQLite needs no copy of the table
)
with context.begin_transaction():
    context.run_migrations()
