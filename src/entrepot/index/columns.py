# SPDX-License-Identifier: Apache-2.0
"""What all tables are made of."""

from sqlalchemy import BigInteger, Integer, MetaData, Text

METADATA = MetaData()

NAME = Text().with_variant(Text(collation="C"), "postgresql")
"""Every text: PostgreSQL would else compare by the rules of a language, SQLite compares bytes."""

ID = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database gives; on SQLite only INTEGER is its own row number."""
