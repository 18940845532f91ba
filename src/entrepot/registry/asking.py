# SPDX-License-Identifier: Apache-2.0
"""Asking the collector for a round soon: whoever deletes for good wants the space back now."""

import time

from entrepot.index.index import Index

ASKED = "collection asked"
"""The key of ``kept`` under which somebody asks, with the moment; the jobs process looks at it every few seconds."""


async def ask_for_collection(index: Index) -> None:
    """Ask for a round; durable on return. What was touched within ``collector.grace`` still waits for its end."""
    await index.kept.keep(ASKED, str(time.time_ns()))
