# SPDX-License-Identifier: Apache-2.0
"""The JSON API, joined of its nouns."""

from entrepot.registry.registry import Registry
from entrepot.web.api.events import EventPages
from entrepot.web.api.openapi import DocumentPage
from entrepot.web.api.origins import Origins
from entrepot.web.api.repositories import RepositoryPages
from entrepot.web.api.router import JsonApi
from entrepot.web.api.tags import TagPages
from entrepot.web.api.trash import TrashPages
from entrepot.web.doors import Doors
from entrepot.web.settings import HttpSettings


def join_api(registry: Registry, doors: Doors, settings: HttpSettings) -> JsonApi:
    """All of it over one registry."""
    nouns = (RepositoryPages(registry), TagPages(registry), TrashPages(registry), EventPages(registry))
    operations = [operation for noun in nouns for operation in noun.operations]
    page = DocumentPage(operations, settings.prefix)
    origins = Origins(settings.base)
    return JsonApi([*operations, *page.operations], doors, origins, readonly=registry.settings.readonly)
