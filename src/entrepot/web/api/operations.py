# SPDX-License-Identifier: Apache-2.0
"""What the JSON API can do: one table, from which requests are dispatched and the OpenAPI document is written."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from entrepot.oci.access import ADMINISTRATION, CATALOG, DELETE, PULL, PUSH, Access, to_repository
from entrepot.oci.digests import Digest
from entrepot.oci.errors import RouteUnknown
from entrepot.oci.names import RepositoryName, Tag
from entrepot.web.api.parameters import Parameter
from entrepot.web.exchange import Answer, Exchange

REPOSITORIES = "/repositories"
REPOSITORY = f"{REPOSITORIES}/{{name}}"
SEPARATOR = "/-/"
"""Behind a repository's name, which holds slashes: no part of a name can be ``-``."""

ITEMS = {"users": "user", "robots": "robot", "roles": "role", "rules": "rule"}
"""Nouns whose items have names without slashes, and how templates call one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which template a path fits, and what stands in its braces as the client wrote it; checked when asked for."""

    template: str
    name: str = ""
    item: str = ""

    @property
    def repository(self) -> RepositoryName:
        """Raises ``NameInvalid``."""
        return RepositoryName.parse(self.name)

    @property
    def tag(self) -> Tag:
        """Raises ``TagInvalid``."""
        return Tag.parse(self.item)

    @property
    def digest(self) -> Digest:
        """Raises ``DigestInvalid``."""
        return Digest.parse(self.item)


Needs = Callable[[Place], Sequence[Access]]
"""What must be allowed to whoever asks for a place. Raises ``NameInvalid``."""


def to_pull(place: Place) -> Sequence[Access]:
    """Who may pull from the repository."""
    return (to_repository(place.repository, PULL),)


def to_push(place: Place) -> Sequence[Access]:
    """Who may push to the repository."""
    return (to_repository(place.repository, PUSH),)


def to_delete(place: Place) -> Sequence[Access]:
    """Who may delete from the repository."""
    return (to_repository(place.repository, DELETE),)


def to_list(_: Place) -> Sequence[Access]:
    """Who may list repositories; each sees those that they may pull from."""
    return (CATALOG,)


def to_be_known(_: Place) -> Sequence[Access]:
    """Whoever has signed in."""
    return ()


def to_administer(_: Place) -> Sequence[Access]:
    """Administrators."""
    return (ADMINISTRATION,)


Handler = Callable[[Exchange, Place], Awaitable[Answer]]
Method = Literal["GET", "POST", "PATCH", "DELETE"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path below ``/api/v1``.

    ``needs``: what must be allowed to who asks; None: nothing, and nobody is asked who they are. ``answer``: the schema
    of what is answered with ``status``; ``body``: of what is sent. ``refusals``: statuses beside those that every
    operation can have.
    """

    method: Method
    path: str
    handler: Handler
    needs: Needs | None
    key: str
    summary: str
    answer: str
    status: int = 200
    query: tuple[Parameter, ...] = ()
    body: str | None = None
    refusals: tuple[int, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything is different afterwards."""
        return self.method != "GET"


def find_place(path: str) -> Place:
    """``path`` is decoded and below ``/api/v1``. Raises ``RouteUnknown`` where it has the form of no template."""
    head, found, rest = path.partition(SEPARATOR)
    if not head.startswith(f"{REPOSITORIES}/") or head == f"{REPOSITORIES}/":
        return _find_item(path)
    name = head.removeprefix(f"{REPOSITORIES}/")
    if not found:
        return Place(REPOSITORY, name)
    match rest.split("/"):
        case ["tags", tag]:
            return Place(f"{REPOSITORY}/-/tags/{{tag}}", name, tag)
        case ["tags", tag, "history"]:
            return Place(f"{REPOSITORY}/-/tags/{{tag}}/history", name, tag)
        case ["manifests", digest]:
            return Place(f"{REPOSITORY}/-/manifests/{{digest}}", name, digest)
        case [noun]:
            return Place(f"{REPOSITORY}/-/{noun}", name)
        case _:
            raise RouteUnknown(f"{path[:300]!r} is nothing of a repository that this API serves")


def _find_item(path: str) -> Place:
    match path.split("/"):
        case ["", noun, item] if noun in ITEMS and item:
            return Place(f"/{noun}/{{{ITEMS[noun]}}}", item)
        case ["", noun, item, "roles", role] if noun in ITEMS and item and role:
            return Place(f"/{noun}/{{{ITEMS[noun]}}}/roles/{{role}}", item, role)
        case ["", noun, item, detail] if noun in ITEMS and item:
            return Place(f"/{noun}/{{{ITEMS[noun]}}}/{detail}", item)
        case _:
            return Place(path)
