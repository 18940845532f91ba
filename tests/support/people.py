# SPDX-License-Identifier: Apache-2.0
"""The administration of accounts over an index, and what it told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from entrepot.auth.administration import Administration, join_administration
from entrepot.auth.settings import AccountsSettings
from entrepot.oci.callers import Caller

if TYPE_CHECKING:
    from entrepot.index.directory import Directory

ROOT = Caller(actor="root", address="192.0.2.1")
"""Who changes things."""


@dataclass(frozen=True)
class Office:
    """The administration, the directory behind it, and each change that it told: who, from where, what."""

    directory: Directory
    administration: Administration
    told: list[tuple[str, str, str]] = field(default_factory=list)


def open_office(directory: Directory, settings: AccountsSettings | None = None) -> Office:
    """As a worker has it."""
    told: list[tuple[str, str, str]] = []

    def tell(actor: str, address: str, what: str) -> None:
        told.append((actor, address, what))

    return Office(directory, join_administration(directory, settings or AccountsSettings(), tell), told)
