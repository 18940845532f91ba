# SPDX-License-Identifier: Apache-2.0
"""What a configuration says, before anyone asks what it means: a small tree in which every node knows its origin.

PyYAML's own objects are not used further in: they resolve values by guess (``5000:22`` becomes a number, ``yes`` in a
password becomes true). A scalar here keeps its text; the key it belongs to decides what the text means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
TRUTHS = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
FALSEHOODS = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where something was said: a line of a file, a variable, or (neither) the embedded default."""

    file: Path | None = None
    line: int | None = None
    variable: str | None = None

    def __str__(self) -> str:
        if self.variable is not None:
            return self.variable
        if self.file is None:
            return "default"
        return str(self.file) if self.line is None else f"{self.file}:{self.line}"


DEFAULT = Origin()


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as written. ``plain`` is false where quotes or a tag say that it is a string and nothing else."""

    text: str
    plain: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Listing:
    """A sequence."""

    items: tuple[Node, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Table:
    """A map; the origin of each entry is the line of its key."""

    entries: Mapping[str, Node]
    origin: Origin


Node: TypeAlias = Scalar | Listing | Table


def is_null(node: Node) -> bool:
    """Nothing was said: ``key:`` alone, ``~`` or ``null``. Such a key is as absent."""
    return isinstance(node, Scalar) and node.plain and node.text in NULLS


def is_empty(node: Node) -> bool:
    """Nothing is set anywhere below: null, empty strings, ``false``, empty lists and maps of such."""
    if isinstance(node, Scalar):
        return is_null(node) or not node.text or (node.plain and node.text in FALSEHOODS)
    if isinstance(node, Listing):
        return not node.items
    return all(is_empty(entry) for entry in node.entries.values())


def is_disabled(node: Node) -> bool:
    """An entry of a list that says ``disabled: true``."""
    disabled = at(node, "disabled")
    return disabled is not None and not is_empty(disabled)


def at(root: Node | None, path: str) -> Node | None:
    """The node at a dotted path of map keys."""
    for name in path.split("."):
        root = root.entries.get(name) if isinstance(root, Table) else None
    return root


def relocated(node: Node, origin: Origin) -> Node:
    """The same node, said elsewhere (at the line of its key, where people look for it)."""
    if isinstance(node, Scalar):
        return Scalar(node.text, node.plain, origin)
    if isinstance(node, Listing):
        return Listing(node.items, origin)
    return Table(node.entries, origin)
