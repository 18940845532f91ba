# SPDX-License-Identifier: Apache-2.0
"""What a key is, and the tree of all of them: the one description that checking, the environment and the docs share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from entrepot.config.kinds import Kind

# Where the field of distribution's Go structure is named unlike the YAML key; variables are named by the former.
GO_NAMES = {
    "notifications.events": "EVENTCONFIG",
    "health.file": "FILECHECKERS",
    "health.http": "HTTPCHECKERS",
    "health.tcp": "TCPCHECKERS",
    "log.hooks[].options": "MAILOPTIONS",
    "compatibility.schema1.signingkeyfile": "TRUSTKEY",
}


_LONGEST = 100
"""Characters of an unknown name that are looked at."""


class Status(Enum):
    """What this program does with a key."""

    IMPLEMENTED = "implemented"
    ACCEPTED = "accepted"
    NOTHING_YET = "nothing yet"
    STOPS = "stops the start"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: ``path`` with ``[]`` after lists of maps; ``default`` as one would write it in YAML."""

    path: str
    kind: Kind
    status: Status
    default: str | None = None
    secret: bool = False


@dataclass(slots=True)
class Branch:
    """A place in the tree: a key, a map of named places (``children``) or a list of maps (``item``)."""

    path: str
    key: Key | None = None
    children: dict[str, Branch] = field(default_factory=dict)
    item: Branch | None = None

    def names(self, child: str) -> tuple[str, ...]:
        """How a variable may spell ``child``: the YAML key, and Go's field where that differs."""
        go_name = GO_NAMES.get(self.children[child].path)
        return (child.upper(),) if go_name is None else (go_name, child.upper())

    def variables(self) -> Iterator[str]:
        """The names of all variables below, without REGISTRY_ and without those of list items."""
        for name, branch in self.children.items():
            for spelled in self.names(name):
                yield spelled
                yield from (f"{spelled}_{below}" for below in branch.variables())

    def keys(self) -> Iterator[Key]:
        """All keys at and below."""
        if self.key is not None:
            yield self.key
        for branch in (*self.children.values(), *([] if self.item is None else [self.item])):
            yield from branch.keys()


def tree(keys: Iterable[Key]) -> Branch:
    """The keys as a tree."""
    root = Branch("")
    for key in keys:
        here = root
        for part in key.path.split("."):
            name = part.removesuffix("[]")
            here = here.children.setdefault(name, Branch(f"{here.path}.{name}".lstrip(".")))
            if part.endswith("[]"):
                here.item = here.item or Branch(f"{here.path}[]")
                here = here.item
        here.key = key
    return root


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name most like this one, if any is like it at all; those that it abbreviates come first."""
    # Matching is quadratic in length, and names come from files and environments of others.
    asked, names = name[:_LONGEST], list(known)
    abbreviated = [one for one in names if _abbreviates(asked, one)]
    matches = difflib.get_close_matches(asked, abbreviated or names, n=1, cutoff=0.0 if abbreviated else cutoff)
    return matches[0] if matches else None


def _abbreviates(short: str, name: str) -> bool:
    """Whether ``short`` breaks off within the last part of the name, as ``HTTP_TLS_CERT`` does."""
    return name.startswith(short) and len(short.rpartition("_")[2]) > 2 and "_" not in name[len(short) :]
