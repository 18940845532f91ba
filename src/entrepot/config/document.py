# SPDX-License-Identifier: Apache-2.0
"""YAML text to a tree with lines, within bounds.

The tree is built from PyYAML's events with a stack of our own, not with its composer: that one recurses (a deeply
nested file would end the process), expands aliases without limit and lets a later duplicate of a key win in silence.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import yaml

from entrepot.config.nodes import Listing, Node, Origin, Scalar, Table, relocated
from entrepot.config.redact import shown

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 50
MAX_NODES = 20_000

_CORE = "tag:yaml.org,2002:"
_RESOLVED_TAGS = frozenset({f"{_CORE}int", f"{_CORE}bool", f"{_CORE}float", f"{_CORE}null"})
# What PyYAML raises beside its own errors: escapes beyond Unicode, absurd %YAML directives.
_READER_ERRORS = (yaml.YAMLError, ValueError, OverflowError)

_TAB = "found character '\\t' that cannot start any token"


class DocumentError(Exception):
    """The text is not YAML that we read; one (line, found, allowed) for each reason. Never holds the text's values."""

    def __init__(self, reasons: list[tuple[int, str, str]]) -> None:
        super().__init__(reasons)
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Document:
    """The first document of a text; ``further`` says that more follow, which nobody reads."""

    root: Node
    further: bool


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    size: int
    depth: int


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    line: int
    merges: bool


@dataclass(slots=True)
class _Frame:
    """A map or a list under construction."""

    anchor: str | None
    line: int
    entries: dict[str, Node] | None
    items: list[Node] = field(default_factory=list)
    merged: list[Table] = field(default_factory=list)
    key: _Key | None = None
    size: int = 1
    depth: int = 1


def parse(content: str | bytes, place: Callable[[int], Origin]) -> Document:
    """The tree of the first document in ``content``; ``place`` turns a line number into an origin."""
    if len(content) > MAX_BYTES:
        raise DocumentError([(1, f"{len(content)} bytes", f"a configuration has at most {MAX_BYTES} bytes")])
    builder = _Builder(place)
    try:
        events = yaml.parse(content, Loader=yaml.SafeLoader)
        for event in events:
            if isinstance(event, yaml.DocumentEndEvent):
                break
            builder.take(event)
    except _READER_ERRORS as error:
        raise DocumentError([*builder.reasons, _syntax(error)]) from None
    if builder.reasons:
        raise DocumentError(builder.reasons)
    return Document(builder.root or Scalar("", plain=True, origin=place(1)), _another(events))


def _another(events: Iterator[yaml.Event]) -> bool:
    try:
        return any(isinstance(event, yaml.DocumentStartEvent) for event in events)
    except _READER_ERRORS:
        return True


def _syntax(error: Exception) -> tuple[int, str, str]:
    """Line and reason. PyYAML quotes what it read, which may be a password: only single characters are repeated."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = 1 if mark is None else mark.line + 1
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "a value out of range"
    if problem == _TAB:
        return line, "a tab", "indent with spaces" if _indents(mark) else "write spaces in its place"
    reason = re.sub(r"(['\"]).{2,}\1", "something", str(problem))
    return line, f"text that is not YAML ({reason})", "correct this line"


def _indents(mark: object) -> bool:
    """Whether nothing but white space stands before this place on its line."""
    if not isinstance(mark, yaml.Mark) or mark.buffer is None:
        return True
    return not mark.buffer[mark.pointer - mark.column : mark.pointer].strip()


class _Builder:
    def __init__(self, place: Callable[[int], Origin]) -> None:
        self.root: Node | None = None
        self.reasons: list[tuple[int, str, str]] = []
        self._place = place
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}
        self._nodes = 0

    def take(self, event: yaml.Event) -> None:
        line = 1 if event.start_mark is None else event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            node = Scalar(event.value, _is_plain(event), self._place(line))
            self._finish(_Anchored(node, 1, 1), event.anchor, line, cost=1)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event.anchor, line)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            if len(self._stack) >= MAX_DEPTH:
                raise self._refusal(line, "nesting too deep", f"at most {MAX_DEPTH} levels")
            entries: dict[str, Node] | None = {} if isinstance(event, yaml.MappingStartEvent) else None
            self._stack.append(_Frame(event.anchor, line, entries))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close(self._stack.pop())

    def _refusal(self, line: int, found: str, allowed: str) -> DocumentError:
        return DocumentError([*self.reasons, (line, found, allowed)])

    def _alias(self, name: str | None, line: int) -> None:
        anchored = self._anchors.get(name or "")
        if anchored is None:
            raise self._refusal(line, "an alias (*) to an anchor (&) that is not defined before it", "define it first")
        self._finish(anchored, None, line, cost=anchored.size)

    def _close(self, frame: _Frame) -> None:
        origin = self._place(frame.line)
        node: Node = Listing(tuple(frame.items), origin)
        if frame.entries is not None:
            for table in frame.merged:
                for name, entry in table.entries.items():
                    frame.entries.setdefault(name, entry)
            node = Table(frame.entries, origin)
        self._finish(_Anchored(node, frame.size, frame.depth), frame.anchor, frame.line, cost=1)

    def _finish(self, made: _Anchored, anchor: str | None, line: int, cost: int) -> None:
        self._nodes += cost
        if self._nodes > MAX_NODES or len(self._stack) + made.depth > MAX_DEPTH + 1:
            raise self._refusal(line, "aliases that expand to too much", f"at most {MAX_NODES} values in all")
        if anchor is not None:
            self._anchors[anchor] = made
        if not self._stack:
            self.root = made.node
            return
        frame = self._stack[-1]
        frame.size += made.size
        frame.depth = max(frame.depth, made.depth + 1)
        if frame.entries is None:
            frame.items.append(made.node)
        elif frame.key is None:
            frame.key = self._key(made.node, line)
        else:
            key, frame.key = frame.key, None
            self._entry(frame, frame.entries, key, made.node)

    def _key(self, node: Node, line: int) -> _Key:
        if not isinstance(node, Scalar):
            raise self._refusal(line, "a map or a list as a key", "a key is a word")
        return _Key(node.text, line, merges=node.plain and node.text == "<<")

    def _entry(self, frame: _Frame, entries: dict[str, Node], key: _Key, node: Node) -> None:
        if key.merges:
            for table in node.items if isinstance(node, Listing) else (node,):
                if not isinstance(table, Table):
                    raise self._refusal(key.line, "something other than a map after <<", "<< merges maps")
                frame.merged.append(table)
            return
        if key.name in entries:
            first = entries[key.name].origin.line
            found = f"the key {shown(key.name)} a second time" + ("" if first is None else f" (first on line {first})")
            self.reasons.append((key.line, found, "write each key once"))
        entries[key.name] = relocated(node, self._place(key.line))


def _is_plain(event: yaml.ScalarEvent) -> bool:
    if event.tag is not None:
        return event.tag in _RESOLVED_TAGS
    return not event.style
