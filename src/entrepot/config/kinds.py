# SPDX-License-Identifier: Apache-2.0
"""The types of keys: what each accepts, said in words, and how it reads a node.

The word ``true`` in quotes is a string: distribution takes ``delete.enabled: "true"`` for false without a word, so here
it is a mistake that says to drop the quotes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial

from entrepot.config import values
from entrepot.config.nodes import FALSEHOODS, TRUTHS, Listing, Node, Scalar, Table, is_null
from entrepot.config.redact import HIDDEN, described, is_secret, listed, named, nature
from entrepot.oci.globs import REPOSITORY_PATTERN


class Unfit(Exception):
    """This node is not what its key takes; ``allowed`` says what is."""

    def __init__(self, node: Node, allowed: str) -> None:
        super().__init__(allowed)
        self.node = node
        self.allowed = allowed


class UnfitSecret(Unfit):
    """The value may be a secret in the wrong place; ``found`` is fit to be printed, it is not."""

    def __init__(self, node: Node, allowed: str, found: str) -> None:
        super().__init__(node, allowed)
        self.found = found


class UnfitEntry(Unfit):
    """One entry of a map of open names; ``name`` and ``found`` are fit to be printed."""

    def __init__(self, node: Node, allowed: str, name: str, found: str) -> None:
        super().__init__(node, allowed)
        self.name = name
        self.found = found


class Form(Enum):
    """How the value of an environment variable is to be taken for a key.

    TEXT as it stands (a ``#``, a ``: `` or a leading zero in a password stays what it is), YAML as a whole document.
    """

    TEXT = "text"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of key; ``name`` is for the documentation. What is read as None is as absent.

    ``items`` is the kind of the items of a list; below an ``open`` kind any name may stand.
    """

    name: str
    form: Form
    read: Callable[[Node], object]
    items: Kind | None = None
    open: bool = False


def _scalar(node: Node, allowed: str) -> Scalar:
    if not isinstance(node, Scalar):
        raise Unfit(node, allowed)
    return node


def textual(name: str, allowed: str, convert: Callable[[str], object]) -> Kind:
    """A kind whose values are texts that ``convert`` understands or refuses with a ValueError."""

    def read(node: Node) -> object:
        try:
            return convert(_scalar(node, f"allowed: {allowed}").text)
        except values.Concealed as error:
            raise UnfitSecret(node, f"allowed: {error}", error.found) from None
        except ValueError as error:
            raise Unfit(node, f"allowed: {error}") from None

    return Kind(name, Form.TEXT, read)


def choice(*words: str, otherwise: str | None = None) -> Kind:
    """One of some words, in any case; an empty string means ``otherwise``."""
    allowed = ", ".join(words)

    def convert(text: str) -> str:
        word = text.lower() or otherwise
        if word is None or word not in {*words, otherwise}:
            raise ValueError(allowed)
        return word

    return textual("one of " + allowed, allowed, convert)


def duration(minimum: float = 0.0, zero: float | None = None) -> Kind:
    """Seconds, at least ``minimum``; a zero, where it cannot be meant, becomes ``zero``."""

    def convert(text: str) -> float:
        seconds = values.duration(text)
        if seconds == 0 and zero is not None:
            return zero
        if seconds < minimum:
            bare = "; a number without a unit means nanoseconds" if text.isdigit() and seconds > 0 else ""
            least = "no negative duration" if minimum == 0 else f"at least {values.go_duration(minimum)}"
            raise ValueError(f"{values.DURATION}, {least}{bare}")
        return seconds

    return textual("duration", values.DURATION, convert)


def integer(minimum: int = -(2**63), maximum: int = 2**63 - 1) -> Kind:
    """A whole number within bounds."""

    def read(node: Node) -> object:
        scalar = _scalar(node, f"allowed: {values.INTEGER}")
        if not scalar.plain:
            raise Unfit(node, f"allowed: {values.INTEGER} without quotes")
        try:
            number = values.integer(scalar.text)
        except ValueError as error:
            raise Unfit(node, f"allowed: {error}") from None
        if not minimum <= number <= maximum:
            bound = f"at least {minimum}" if number < minimum else f"at most {maximum}"
            raise Unfit(node, f"allowed: {values.INTEGER}, {bound}")
        return number

    return Kind("integer", Form.YAML, read)


def _boolean(node: Node) -> object:
    scalar = _scalar(node, "allowed: true or false")
    if scalar.text not in TRUTHS | FALSEHOODS:
        raise Unfit(node, "allowed: true or false")
    if not scalar.plain:
        word = str(scalar.text in TRUTHS).lower()
        raise Unfit(node, f"allowed: true or false; write {word} without quotes")
    return scalar.text in TRUTHS


def _loose(strict: Kind) -> Kind:
    """Parameters of storage drivers are read by distribution as real types or as strings."""

    def read(node: Node) -> object:
        scalar = _scalar(node, f"allowed: {strict.name}")
        return strict.read(Scalar(scalar.text, plain=True, origin=scalar.origin))

    return Kind(strict.name, Form.YAML, read)


def list_of(item: Kind) -> Kind:
    """A list of one kind; nothing in it is null."""

    def read(node: Node) -> object:
        if not isinstance(node, Listing):
            raise Unfit(node, f"allowed: a list of {item.name}s, such as [one, two]")
        return tuple("" if is_null(entry) else item.read(entry) for entry in node.items)

    return Kind(f"list of {item.name}s", Form.YAML, read, items=item)


def _anything(node: Node) -> object:
    """Plain Python values of an undeclared tree: fields of the log, options of middlewares."""
    if isinstance(node, Listing):
        return [_anything(item) for item in node.items]
    if isinstance(node, Table):
        return {name: _anything(entry) for name, entry in node.entries.items()}
    if not node.plain:
        return node.text
    if is_null(node):
        return None
    if node.text in TRUTHS | FALSEHOODS:
        return node.text in TRUTHS
    try:
        return values.integer(node.text)
    except ValueError:
        return node.text


def _fields(node: Node) -> object:
    if not isinstance(node, Table):
        raise Unfit(node, "allowed: a map, such as {name: value}")
    return _anything(node)


def _headers(node: Node, hides: Callable[[str], bool]) -> object:
    """Names to their values; two spellings of one name are one header, as in HTTP. ``hides``: whether the value of a
    header of this name may not be shown.
    """
    if not isinstance(node, Table):
        raise Unfit(node, "allowed: a map of header names to lists, such as {X-Frame-Options: [deny]}")
    headers: dict[str, tuple[str, ...]] = {}
    for name, entry in node.entries.items():
        headers.update(_header(name, entry, headers, hides))
    return headers


def _header(
    name: str, entry: Node, known: Mapping[str, tuple[str, ...]], hides: Callable[[str], bool]
) -> dict[str, tuple[str, ...]]:
    try:
        canonical = values.header_name(name)
    except ValueError as error:
        raise UnfitEntry(entry, f"allowed: {error}", named(name), f"the name {named(name)}") from None
    if not isinstance(entry, Listing):
        example = _as_list(name, entry, hides)
        raise _unfit_header(entry, name, f"allowed: a list of values, such as {example}", hides)
    texts = tuple(_header_value(name, value, hides) for value in entry.items)
    return {canonical: known.get(canonical, ()) + texts}


def _header_value(name: str, node: Node, hides: Callable[[str], bool]) -> str:
    if not isinstance(node, Scalar):
        raise _unfit_header(node, name, "allowed: strings", hides)
    try:
        return values.header_value(node.text)
    except ValueError as error:
        raise _unfit_header(node, name, f"allowed: {error}", hides) from None


def _unfit_header(node: Node, name: str, allowed: str, hides: Callable[[str], bool]) -> UnfitEntry:
    return UnfitEntry(node, allowed, named(name), nature(node) if hides(name) else described(node))


def _as_list(name: str, entry: Node, hides: Callable[[str], bool]) -> str:
    if not isinstance(entry, Scalar) or is_null(entry):
        return "X-Frame-Options: [deny]"
    return f"{named(name)}: [{HIDDEN if hides(name) else listed(entry.text)}]"


STRING = textual("string", "a string", str)
# Go listens on any free port of all addresses when it is given an empty address, which nobody asks for.
LISTEN = textual("string", "a string", lambda text: text or None)
LEVEL = choice("error", "warn", "info", "debug")
BOOLEAN = Kind("boolean", Form.YAML, _boolean)
INTEGER = integer()
COUNT = integer(0)
DURATION = duration()
LOOSE_BOOLEAN = _loose(BOOLEAN)
LOOSE_INTEGER = _loose(INTEGER)
LOOSE_COUNT = _loose(COUNT)
STRINGS = list_of(STRING)
NETWORKS = list_of(textual("network", values.NETWORK, values.network))
PATTERNS = list_of(textual("regular expression", "a regular expression", values.regular_expression))
REPOSITORY_PATTERNS = list_of(textual("pattern", REPOSITORY_PATTERN, values.repository_pattern))
TAG_PATTERNS = list_of(textual("pattern", values.TAG_PATTERN, values.tag_pattern))
HEADERS = Kind("map of lists", Form.YAML, partial(_headers, hides=is_secret), open=True)
"""Of our answers: a header may hold a cookie, so its name decides whether the value is shown."""
SECRET_HEADERS = Kind("map of lists", Form.YAML, partial(_headers, hides=lambda _: True), open=True)
"""Of requests to others: who lets somebody in by a header calls it anything."""
FIELDS = Kind("map", Form.YAML, _fields, open=True)
ANYTHING = Kind("anything", Form.YAML, _anything, open=True)
PATH = textual("path", "a path", values.path)
OPTIONAL_PATH = textual("path", "a path", lambda text: values.path(text) if text else None)
PATHS = list_of(PATH)
SIZE = textual("size", values.SIZE, values.size)
PEER = textual("address", values.PEER, values.peer_text)
HTTP_URL = textual("URL", values.HTTP_URL, values.http_url)
INDEX_URL = textual("URL", values.INDEX_URL, values.index_url)
ROUTE = textual("URL path", values.ROUTE, values.route)
PREFIX = textual("path prefix", values.PREFIX, values.prefix)
