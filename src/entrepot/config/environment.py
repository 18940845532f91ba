# SPDX-License-Identifier: Apache-2.0
"""``REGISTRY_*`` variables laid over the file, by distribution's rules.

Parts of a name are the upper-cased fields of its Go structure; we take the YAML keys as well, which people try first.
Variables apply in the order of their names, so parents before children; a value is YAML and replaces what it names.
Unlike there, a text stays a text where its key takes one: ``REGISTRY_PROXY_PASSWORD=#0123`` is that password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from entrepot.config.document import DocumentError, parse
from entrepot.config.kinds import Form, Kind
from entrepot.config.mistakes import Mistake, Unknown
from entrepot.config.nodes import DEFAULT, NULLS, Listing, Node, Origin, Scalar, Table
from entrepot.config.refusals import asks
from entrepot.config.schema import Branch, nearest

PREFIX = "REGISTRY_"
CONFIGURATION_PATH = "REGISTRY_CONFIGURATION_PATH"
# The path is ours to read; a version in the environment has no effect on distribution either.
_SILENT = frozenset({CONFIGURATION_PATH, "REGISTRY_VERSION"})
PODMAN = "REGISTRY_AUTH_FILE"
"""A variable of podman, skopeo and buildah, set where they work; ``auth.file`` is no kind of authentication."""

_KUBERNETES = re.compile(
    r"REGISTRY_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
_OPEN_SECTIONS = frozenset({"storage", "auth"})

Step = str | int


@dataclass(frozen=True, slots=True)
class Overlaid:
    """The tree after all variables, the variables that name nothing we know, and those that cannot be."""

    root: Table
    unknown: tuple[Unknown, ...]
    mistakes: tuple[Mistake, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    """Where a variable points; ``kind`` is None for a section or an undeclared place."""

    steps: tuple[Step, ...]
    kind: Kind | None

    def under(self, *steps: Step) -> _Target:
        return _Target((*steps, *self.steps), self.kind)

    def __str__(self) -> str:
        return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.steps).lstrip(".")


class _Refused(Exception):
    """A variable cannot be applied: what was found, what is allowed."""


def overlay(root: Table, environ: Mapping[str, str], schema: Branch) -> Overlaid:
    """``root`` with every ``REGISTRY_*`` variable applied."""
    root = expanded(root)
    unknown: list[Unknown] = []
    mistakes: list[Mistake] = []
    for name in sorted(name for name in environ if name.startswith(PREFIX) and name not in _SILENT):
        origin = Origin(variable=name)
        target = None if name == PODMAN else _locate(schema, root, tuple(name.removeprefix(PREFIX).split("_")))
        if target is None or (target.kind is None and _KUBERNETES.fullmatch(name)):
            unknown.append(Unknown(origin, "", "an unknown variable", _remedy(name, schema)))
            continue
        try:
            root = expanded(_applied(root, target, _value(environ[name], target.kind, origin)))
        except _Refused as refused:
            found, allowed = refused.args
            mistakes.append(Mistake(origin, str(target), found, allowed))
    return Overlaid(root, tuple(unknown), tuple(mistakes))


def expanded(root: Table) -> Table:
    """The short forms ``storage: inmemory`` and ``auth: none`` written out."""
    entries = dict(root.entries)
    for section in _OPEN_SECTIONS & entries.keys():
        node = entries[section]
        if isinstance(node, Scalar) and not (node.plain and node.text in NULLS):
            named: dict[str, Node] = {node.text: Table({}, node.origin)} if node.text else {}
            entries[section] = Table(named, node.origin)
    return Table(entries, root.origin)


def _remedy(name: str, schema: Branch) -> str:
    if name == PODMAN:
        return "podman, skopeo and buildah read their logins from the file that it names; the registry does not"
    if _KUBERNETES.fullmatch(name):
        return (
            "Kubernetes sets such variables for a service of this name (enableServiceLinks: false in "
            "the pod stops that); the address to listen on is REGISTRY_HTTP_ADDR"
        )
    near = nearest(name, (PREFIX + known for known in schema.variables()), cutoff=0.75)
    return "" if near is None else f"did you mean {near}?"


def _locate(branch: Branch, node: Node | None, parts: tuple[str, ...]) -> _Target | None:
    if not parts:
        return _Target((), None if branch.key is None else branch.key.kind)
    if branch.item is not None:
        index = _index(parts[0])
        below = None if index is None else _locate(branch.item, _below(node, index), parts[1:])
        return None if below is None or index is None else below.under(index)
    if branch.key is not None:
        return _inside(branch.key.kind, node, parts)
    # Keys that hold an underscore (azure's max_retries) take several parts.
    for count in range(1, len(parts) + 1):
        for child, place in branch.children.items():
            if "_".join(parts[:count]) in branch.names(child):
                below = _locate(place, _below(node, child), parts[count:])
                if below is not None:
                    return below.under(child)
    return _free(node, parts) if branch.path in _OPEN_SECTIONS else None


def _inside(kind: Kind, node: Node | None, parts: tuple[str, ...]) -> _Target | None:
    """A place within the value of a declared key: an item of a list, or any name where names are open."""
    if kind.items is not None and len(parts) == 1:
        index = _index(parts[0])
        return None if index is None else _Target((index,), kind.items)
    return _free(node, parts) if kind.open else None


def _free(node: Node | None, parts: tuple[str, ...]) -> _Target | None:
    """A place that nobody declared: existing names match in upper case, new ones are written in lower case."""
    steps: list[Step] = []
    for part in parts:
        step: Step | None = _index(part) if isinstance(node, Listing) else part.lower()
        if isinstance(node, Table):
            step = next((name for name in node.entries if name.upper() == part), step)
        if step is None or step == "":
            return None
        node = _below(node, step)
        steps.append(step)
    return _Target(tuple(steps), None)


def _index(part: str) -> int | None:
    return int(part) if re.fullmatch(r"[0-9]{1,4}", part) else None


def _below(node: Node | None, step: Step) -> Node | None:
    if isinstance(node, Table) and isinstance(step, str):
        return node.entries.get(step)
    if isinstance(node, Listing) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None


def _value(raw: str, kind: Kind | None, origin: Origin) -> Node:
    text = raw.strip()
    if text in NULLS:
        return Scalar("", plain=True, origin=origin)
    if kind is not None and kind.form is Form.TEXT:
        return Scalar(_unquoted(text), plain=False, origin=origin)
    try:
        return parse(raw, lambda _line: origin).root
    except DocumentError as error:
        _, found, allowed = error.reasons[0]
        raise _Refused(found, f"{allowed}; the value is read as YAML") from None


def _unquoted(text: str) -> str:
    """Quotes inside a value are YAML's: people write them to keep ``'"0123"'`` a string. Anything else stays."""
    quoted = text[0] in "'\"" or text.startswith("!!str ") or (text[0] in "|>" and "\n" in text)
    if not quoted:
        return text
    try:
        node = parse(text, lambda _line: DEFAULT).root
    except DocumentError:
        return text
    return node.text if isinstance(node, Scalar) and not node.plain else text


def _applied(root: Table, target: _Target, value: Node) -> Table:
    existing: Node | None = root
    for step in target.steps:
        existing = _below(existing, step)
    if _says_nothing(value) and existing is not None and asks(str(target), existing):
        advice = "REGISTRY_AUTH=none says so openly" if str(target) == "auth" else "remove it there"
        raise _Refused("nothing", f"an empty variable does not switch off what {existing.origin} asks for; {advice}")
    changed = _put(root, target.steps, value)
    return changed if isinstance(changed, Table) else root


def _says_nothing(node: Node) -> bool:
    if isinstance(node, Scalar):
        return not node.text
    return not (node.items if isinstance(node, Listing) else node.entries)


def _put(node: Node | None, steps: tuple[Step, ...], value: Node) -> Node:
    """A copy of the tree with ``value`` at that place. A file's own wrong types stay, to be reported as such."""
    if not steps:
        return value
    step, *rest = steps
    if node is None or (isinstance(node, Scalar) and node.plain and node.text in NULLS):
        node = Listing((), value.origin) if isinstance(step, int) else Table({}, value.origin)
    if isinstance(node, Table) and isinstance(step, str):
        return Table({**node.entries, step: _put(node.entries.get(step), tuple(rest), value)}, node.origin)
    if isinstance(node, Listing) and isinstance(step, int):
        if step > len(node.items):
            raise _Refused(f"the index {step}", f"allowed: an index from 0 to {len(node.items)}, without a gap")
        items = list(node.items)
        items[step : step + 1] = [_put(_below(node, step), tuple(rest), value)]
        return Listing(tuple(items), node.origin)
    return node
