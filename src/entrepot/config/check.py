# SPDX-License-Identifier: Apache-2.0
"""The tree against the schema: each key read by its kind, each misfit gathered, each unknown name noted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from entrepot.config.kinds import Unfit, UnfitEntry, UnfitSecret
from entrepot.config.mistakes import Mistake, Unknown
from entrepot.config.nodes import DEFAULT, Listing, Node, Origin, Scalar, Table, is_null
from entrepot.config.redact import described, flow, nature, shown, veiled
from entrepot.config.schema import Branch, Key, nearest

T = TypeVar("T")
W = TypeVar("W", bound=str)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the effective configuration; ``value`` is fit to be printed, ``source`` says who set it."""

    key: str
    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Read:
    """One key that was said and fits."""

    key: Key
    value: object
    shown: str
    origin: Origin


@dataclass(slots=True)
class Checked:
    """What was found. ``lists`` holds the origin of each item of each list of maps."""

    reads: dict[str, Read] = field(default_factory=dict)
    lists: dict[str, tuple[Origin, ...]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class View:
    """Typed reading of what was checked, from one place of the tree downwards."""

    checked: Checked
    branch: Branch
    path: str = ""
    origin: Origin = DEFAULT

    def at(self, path: str) -> str:
        """The full name of a key below this place."""
        return f"{self.path}.{path}" if self.path else path

    def said(self, path: str) -> Read | None:
        """What was said, without defaults."""
        return self.checked.reads.get(self.at(path))

    def find(self, path: str, kind: type[T]) -> T | None:
        """The value, else the default, else None."""
        said = self.said(path)
        value = _default(self.branch, path) if said is None else said.value
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{self.at(path)} is declared to give {type(value).__name__}, not {kind.__name__}")
        return value

    def get(self, path: str, kind: type[T]) -> T:
        """The value of a key that has a default."""
        value = self.find(path, kind)
        if value is None:
            raise TypeError(f"{self.at(path)} is declared without a default")
        return value

    def word(self, path: str, words: tuple[W, ...]) -> W:
        """The value of a key that takes one of some words."""
        value = self.get(path, str)
        return words[[str(word) for word in words].index(value)]

    def items(self, path: str) -> Iterator[View]:
        """A view of each item of a list of maps."""
        branch = _branch(self.branch, path)
        if branch.item is None:
            raise TypeError(f"{self.at(path)} is not declared as a list of maps")
        for index, origin in enumerate(self.checked.lists.get(self.at(path), ())):
            yield View(self.checked, branch.item, f"{self.at(path)}[{index}]", origin)


def _branch(branch: Branch, path: str) -> Branch:
    for name in path.split("."):
        branch = branch.children[name]
    return branch


def _default(branch: Branch, path: str) -> object:
    key = _branch(branch, path).key
    return None if key is None or key.default is None else default_of(key)


def default_of(key: Key) -> object:
    """A default, read as if it had been written."""
    return key.kind.read(Scalar(key.default or "", plain=True, origin=DEFAULT))


def check(root: Table, schema: Branch) -> Checked:
    """Everything that is said in ``root``."""
    checked = Checked()
    _walk(root, schema, "", checked)
    return checked


def _walk(node: Node, branch: Branch, path: str, checked: Checked) -> None:
    if is_null(node):
        return
    if branch.key is not None:
        _read(node, branch.key, path, checked)
    elif branch.item is not None:
        _list(node, branch.item, path, checked)
    elif isinstance(node, Table):
        for name, entry in node.entries.items():
            below = f"{path}.{name}" if path else name
            if name in branch.children:
                _walk(entry, branch.children[name], below, checked)
            elif path not in {"storage", "auth"}:  # there an unknown name is a driver, which has its own refusal
                checked.unknown.append(_unknown(entry, branch, name, below))
    else:
        checked.mistakes.append(Mistake(node.origin, path, nature(node), "allowed: a map of keys below this one"))


def _list(node: Node, item: Branch, path: str, checked: Checked) -> None:
    if not isinstance(node, Listing):
        checked.mistakes.append(Mistake(node.origin, path, nature(node), "allowed: a list of maps"))
        return
    checked.lists[path] = tuple(entry.origin for entry in node.items)
    for index, entry in enumerate(node.items):
        _walk(entry, item, f"{path}[{index}]", checked)


def _read(node: Node, key: Key, path: str, checked: Checked) -> None:
    try:
        value = key.kind.read(node)
    except UnfitEntry as unfit:
        checked.mistakes.append(Mistake(unfit.node.origin, f"{path}.{unfit.name}", unfit.found, unfit.allowed))
        return
    except UnfitSecret as unfit:
        checked.mistakes.append(Mistake(unfit.node.origin, path, unfit.found, unfit.allowed))
        return
    except Unfit as unfit:
        # In maps of open names (headers, options) a misplaced value may be a secret too.
        shows = described if not key.kind.open else nature
        found = "a value that is not shown" if key.secret else shows(unfit.node)
        checked.mistakes.append(Mistake(unfit.node.origin, path, found, unfit.allowed))
        return
    if value is not None:
        checked.reads[path] = Read(key, value, _shown(node, key, value), node.origin)


def _shown(node: Node, key: Key, value: object) -> str:
    if key.secret:
        return veiled(node)
    if isinstance(value, bool):
        return str(value).lower()
    # Paths were made absolute and words lower-cased; numbers, sizes and durations are shown as they were written.
    return shown(str(value)) if isinstance(value, str | Path) else flow(node)


def _unknown(node: Node, branch: Branch, name: str, path: str) -> Unknown:
    near = nearest(name, branch.children)
    suggestion = "" if near is None else f"{path.rpartition('.')[0]}.{near}".lstrip(".")
    advice = f"did you mean {suggestion}?" if suggestion else ""
    return Unknown(node.origin, shown(path), "an unknown key", advice)
