# SPDX-License-Identifier: Apache-2.0
"""What may be printed: secrets become ``***``, and no value can forge a second line of output.

A name decides, because a value cannot: ``password`` is hidden under whatever section it stands, also in maps whose keys
nobody declared (headers, log fields, options of middlewares).
"""

import json
import re

from entrepot.config.nodes import Listing, Node, Scalar, Table, is_null

HIDDEN = "***"
PEM = "-----BEGIN"
"""With this a key begins, whatever the name under which somebody put its text."""

_SECRET_NAMES = re.compile(
    r"password|passwd|passphrase|secret|token|credential|authorization|cookie|connectionstring|signature"
    r"|(access|account|api|license|private|shared|encryption|auth)key(id)?$|^key$"
)
_USERINFO = re.compile(r"//[^/\s]*@")
_DATABASE = re.compile(r"(postgres[^:/\s]*:)//.*@")
"""All up to the last @: people do not escape the slashes in the password of a database."""
_QUERY = re.compile(r"([?&][^=&\s]*(?:token|secret|passw|key|sig|auth|cred)[^=&\s]*=)[^&#\s]*", re.IGNORECASE)
_SHOWN_AS_WRITTEN = re.compile(r"-?[^\s\"'\[\]{},#&*!|>%@`?-]\S*( [^\s#]\S*)*")
_FLOW = re.compile(r"[,\[\]{}:#\"']")
_WORD = re.compile(r"[\w-]*")
_LONGEST = 200


def is_secret(name: str) -> bool:
    """Whether a key or header of this name holds something to hide."""
    return bool(_SECRET_NAMES.search(re.sub(r"[-_.\s]", "", name.lower())))


def printable(text: str) -> str:
    """The text with line breaks, terminal controls and lone surrogates escaped: names of keys and files hold any."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shown(text: str) -> str:
    """A value that is no secret as a whole, on one line: passwords inside URLs hidden, odd characters escaped, a PEM
    file's text hidden as a whole.
    """
    if PEM in text:
        return HIDDEN
    text = _QUERY.sub(rf"\1{HIDDEN}", _USERINFO.sub(f"//{HIDDEN}@", _DATABASE.sub(rf"\1//{HIDDEN}@", text)))
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "..."
    if text.isprintable() and _SHOWN_AS_WRITTEN.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def named(name: str) -> str:
    """A name that nobody declared. Where it is that of a secret, what follows its first word may be the secret."""
    word = _WORD.match(name)
    first = "" if word is None else word[0]
    return f"{shown(first)} {HIDDEN}" if is_secret(name) and first != name else shown(name)


def listed(text: str) -> str:
    """A text as it may stand in a list in YAML's flow form."""
    text = shown(text)
    return text if text.startswith('"') or not _FLOW.search(text) else json.dumps(text, ensure_ascii=False)


def described(node: Node) -> str:
    """What was found, for a mistake: the value of a scalar, only the nature of anything larger."""
    if isinstance(node, Table):
        return "a map"
    if isinstance(node, Listing):
        return "a list"
    if is_null(node):
        return "nothing"
    text = shown(node.text)
    if node.plain:
        return text
    return f"the string {text if text.startswith(chr(34)) else json.dumps(text, ensure_ascii=False)}"


def nature(node: Node) -> str:
    """What was found where nobody knows what it is, and whether it is a secret."""
    return "a single value" if isinstance(node, Scalar) and not is_null(node) else described(node)


def flow(node: Node) -> str:
    """A whole tree on one line, in YAML's flow form, without its secrets."""
    if isinstance(node, Scalar):
        return "null" if is_null(node) else shown(node.text)
    if isinstance(node, Listing):
        return "[" + ", ".join(flow(item) for item in node.items) + "]"
    pairs = (f"{shown(name)}: {HIDDEN if is_secret(name) else flow(entry)}" for name, entry in node.entries.items())
    return "{" + ", ".join(pairs) + "}"


def veiled(node: Node) -> str:
    """Of a secret nothing; of a map of secrets their names."""
    if isinstance(node, Table):
        return "{" + ", ".join(f"{named(name)}: {HIDDEN}" for name in node.entries) + "}"
    return HIDDEN
