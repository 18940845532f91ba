# SPDX-License-Identifier: Apache-2.0
"""YAML is read within bounds, and what is wrong with it is said with its line, never with its values."""

import time

import pytest

from entrepot.config.document import DocumentError, parse
from entrepot.config.nodes import DEFAULT, Node, Origin, Scalar, Table, at


def tree(text: str) -> Node:
    return parse(text, lambda line: Origin(line=line)).root


def reasons(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(DocumentError) as caught:
        tree(text)
    return caught.value.reasons


def test_every_node_knows_its_line() -> None:
    """The line of an entry is that of its key, also where the value begins below it."""
    root = tree("a:\n  b: 1\nc:\n  - x\n  - y\n")
    found = [at(root, path) for path in ("a", "a.b", "c")]
    assert [None if node is None else node.origin.line for node in found] == [1, 2, 3]


def test_scalars_keep_their_text() -> None:
    """Nothing is guessed here: a port list, a date or a yes stays as it was written."""
    root = tree("a: 5000:22\nb: 2001-01-01\nc: yes\nd: 0123\ne: 'yes'\nf: !!str 12\ng: !!int '12'\n")
    assert isinstance(root, Table)
    scalars = {name: (node.text, node.plain) for name, node in root.entries.items() if isinstance(node, Scalar)}
    assert scalars == {
        "a": ("5000:22", True),
        "b": ("2001-01-01", True),
        "c": ("yes", True),
        "d": ("0123", True),
        "e": ("yes", False),
        "f": ("12", False),
        "g": ("12", True),
    }


def test_duplicate_keys_are_mistakes() -> None:
    """All of them at once, with both lines; no value wins in silence."""
    found = reasons("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")
    assert [(line, what) for line, what, _ in found] == [
        (4, "the key c a second time (first on line 3)"),
        (5, "the key a a second time (first on line 1)"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3),
        ("a: 1\n\tb: 2\n", 2),
        ("a: {b: 1\n", 2),
        ("a: 1\n  b: 2\n", 2),
        ("a: *nobody\n", 1),
        ("a: &x [*x]\n", 1),
        ("? [a, b]\n: c\n", 1),
        ("<<: 1\n", 1),
        ("a: \x01\n", 1),
        ('a: "\\UFFFFFFFF"\n', 1),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1\n", 1),
    ],
)
def test_text_that_is_not_yaml(text: str, line: int) -> None:
    """Each reason has a line and a remedy."""
    ((found, what, allowed),) = reasons(text)
    assert found == line
    assert what
    assert allowed


@pytest.mark.parametrize("text", ["a:\n\tb: 2\n", "a:\n  b: 1\n  \tc: 2\n", "a: {\n\tb: 1\n}\n", "\ta: 1\n"])
def test_tabs_that_indent(text: str) -> None:
    """Editors write them, and nobody sees them."""
    ((_, what, allowed),) = reasons(text)
    assert (what, allowed) == ("a tab", "indent with spaces")


def test_tabs_elsewhere() -> None:
    """Between words they are refused in other words; inside texts they stay."""
    assert reasons("a:\tb\n") == [(1, "a tab", "write spaces in its place")]
    assert at(tree("a: 'b\tc'\n"), "a") == Scalar("b\tc", plain=False, origin=Origin(line=1))
    assert "'@'" in reasons("a: @b\n")[0][1]


def test_reasons_hold_no_values() -> None:
    """A syntax error beside a password does not print the password."""
    for text in ("password: *hunter2hunter2\n", "password: !hunter2!x y\n", "password: 'hunter2\n", "a: @hunter2\n"):
        assert "hunter2" not in str(reasons(text))


def test_deep_nesting_is_bounded() -> None:
    """A file of brackets ends in a mistake, not in the end of the process."""
    for text in ("[" * 100_000, "{a: " * 100_000, "- " * 100_000):
        ((_, what, allowed),) = reasons(text)
        assert (what, allowed) == ("nesting too deep", "at most 50 levels")


def test_alias_bombs_are_bounded() -> None:
    """Aliases that would expand to billions of values are refused at once."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    began = time.monotonic()
    ((_, what, _),) = reasons("\n".join(lines))
    assert what == "aliases that expand to too much"
    assert time.monotonic() - began < 5


def test_chains_of_aliases_are_bounded() -> None:
    """Depth counts through aliases, too."""
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 60)]
    assert reasons("\n".join(lines))[0][1] == "aliases that expand to too much"


def test_size_is_bounded() -> None:
    """A file over 1 MiB is not a configuration."""
    assert "bytes" in reasons("#" * (1024 * 1024 + 1))[0][2]


def test_merges() -> None:
    """Of several merged maps the first that has a key gives it; a quoted << is an ordinary key."""
    root = tree('a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: {"<<": 1}\n')
    found = {path: at(root, path) for path in ("c.x", "c.y", "c.z", "d.<<")}
    assert {path: node.text for path, node in found.items() if isinstance(node, Scalar)} == {
        "c.x": "3",
        "c.y": "1",
        "c.z": "2",
        "d.<<": "1",
    }


def test_only_the_first_document_counts() -> None:
    """As with Go's reader; that others follow is known, so that it can be said."""
    document = parse("a: 1\n---\na: 2\n", lambda _line: DEFAULT)
    assert document.further
    assert not parse("---\na: 1\n...\n", lambda _line: DEFAULT).further
