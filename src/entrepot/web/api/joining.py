# SPDX-License-Identifier: Apache-2.0
"""The JSON API, joined of its nouns."""

from collections.abc import Sequence
from typing import Protocol

from entrepot.auth.administration import Administration
from entrepot.registry.registry import Registry
from entrepot.web.api.access import AccessPages
from entrepot.web.api.events import EventPages
from entrepot.web.api.openapi import DocumentPage
from entrepot.web.api.operations import Operation
from entrepot.web.api.repositories import RepositoryPages
from entrepot.web.api.robots import RobotPages
from entrepot.web.api.roles import RolePages
from entrepot.web.api.router import JsonApi
from entrepot.web.api.rules import RulePages
from entrepot.web.api.tags import TagPages
from entrepot.web.api.trash import TrashPages
from entrepot.web.api.users import UserPages
from entrepot.web.doors import Doors
from entrepot.web.origins import Origins
from entrepot.web.settings import HttpSettings


class Noun(Protocol):
    """What brings operations."""

    @property
    def operations(self) -> Sequence[Operation]:
        """What it answers."""
        ...


def join_api(
    registry: Registry, doors: Doors, settings: HttpSettings, administration: Administration | None = None
) -> JsonApi:
    """All of it over one registry; without ``administration`` there are no accounts, and nothing is said of any."""
    nouns: Sequence[Noun] = (
        RepositoryPages(registry),
        TagPages(registry),
        TrashPages(registry),
        EventPages(registry),
        *(() if administration is None else _join_people(administration)),
    )
    operations = [operation for noun in nouns for operation in noun.operations]
    page = DocumentPage(operations, settings.prefix)
    origins = Origins(settings.base)
    return JsonApi([*operations, *page.operations], doors, origins, readonly=registry.settings.readonly)


def _join_people(administration: Administration) -> Sequence[Noun]:
    return (
        AccessPages(administration),
        UserPages(administration.users),
        RobotPages(administration.robots),
        RolePages(administration.roles),
        RulePages(administration.rules),
    )
