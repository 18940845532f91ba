# SPDX-License-Identifier: Apache-2.0
"""Which repositories somebody sees: a value that the auth room makes and lists are filtered by."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sight:
    """``patterns``: ids of patterns of which one must match a repository's name; None: all repositories are seen.
    ``audit``: so are events that speak of no repository, such as logins. ``actors``: so are the names of those who did
    something.
    """

    patterns: frozenset[int] | None
    audit: bool = False
    actors: bool = True


EVERYTHING = Sight(None, audit=True)

EVERY_REPOSITORY = Sight(None)

NOTHING = Sight(frozenset())
