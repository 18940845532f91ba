# SPDX-License-Identifier: Apache-2.0
"""What somebody wants to do: the scopes of the token protocol (compat.md 4.1, 4.2)."""

import re
from dataclasses import dataclass
from typing import Self

from entrepot.oci.errors import RequestInvalid
from entrepot.oci.names import RepositoryName

REPOSITORY = "repository"
REGISTRY = "registry"

ACTIONS = ("pull", "push", "delete")
"""What can be done with a repository, in the order in which it is written."""

PULL = frozenset({"pull"})
PUSH = frozenset({"pull", "push"})
DELETE = frozenset({"delete"})
ALL = frozenset({"*"})

LONGEST = 2000
"""Characters of one scope at most."""

MOST_ACTIONS = 32
"""Of one scope at most; repositories have three."""

_KIND = re.compile(r"([a-z0-9]+)(?:\(([A-Za-z0-9_-]*)\))?", re.ASCII)
_ACTION = re.compile(r"[a-z*-]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Access:
    """Actions on one resource. ``kind``: ``repository`` or ``registry``, others can be asked for and are never allowed.
    ``actions``: ``pull``, ``push``, ``delete``, and ``*`` for all.
    """

    kind: str
    name: str
    actions: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """A scope as in ``repository:team/app:pull,push``; the name may hold colons (``host:port/``).

        Raises ``RequestInvalid``.
        """
        kind, first, rest = text.partition(":")
        name, last, actions = rest.rpartition(":")
        words = frozenset(actions.split(",")) - {""}
        if len(text) > LONGEST or not (first and last and name) or not _KIND.fullmatch(kind):
            raise RequestInvalid(f"{text[:100]!r} is no scope; one looks like repository:team/app:pull,push")
        if len(words) > MOST_ACTIONS:
            raise RequestInvalid(f"{text[:100]!r} names over {MOST_ACTIONS} actions; they are pull, push, delete and *")
        if not all(_ACTION.fullmatch(word) for word in words):
            raise RequestInvalid(f"{text[:100]!r} names actions that are none; they are pull, push, delete and *")
        return cls(kind, name, words)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{write_actions(self.actions)}"


CATALOG = Access(REGISTRY, "catalog", ALL)
"""To list repositories."""

CATALOG_SEARCH = Access(REGISTRY, "catalog", frozenset({"search"}))
"""To search among them: what docker asks a token for when it searches."""

ADMINISTRATION = Access(REGISTRY, "administration", ALL)
"""To read and change accounts, roles, rules and robots."""


def to_repository(name: RepositoryName, actions: frozenset[str]) -> Access:
    """Actions on a repository."""
    return Access(REPOSITORY, name, actions)


def write_actions(actions: frozenset[str]) -> str:
    """As in a scope: ``pull,push,delete``."""
    order = {word: str(place) for place, word in enumerate(ACTIONS)}
    return ",".join(sorted(actions, key=lambda word: order.get(word, word)))
