# SPDX-License-Identifier: Apache-2.0
"""The registry: its parts, joined."""

from dataclasses import dataclass

from entrepot.index.index import Index
from entrepot.registry.adoption import Adoption
from entrepot.registry.blobs import Blobs
from entrepot.registry.catalogue import Catalogue
from entrepot.registry.feed import Feed
from entrepot.registry.manifests import Manifests
from entrepot.registry.names import Names
from entrepot.registry.pull_events import PullEvents
from entrepot.registry.pulls import PullCounts, Pulls
from entrepot.registry.repositories import Repositories
from entrepot.registry.settings import RegistrySettings
from entrepot.registry.trash import Trash
from entrepot.registry.uploads import Uploads
from entrepot.storage.ports import Storage


@dataclass(frozen=True, slots=True)
class Registry:
    """What the web room works with."""

    uploads: Uploads
    blobs: Blobs
    manifests: Manifests
    repositories: Repositories
    trash: Trash
    catalogue: Catalogue
    feed: Feed
    pulls: Pulls
    settings: RegistrySettings


def join(storage: Storage, index: Index, settings: RegistrySettings) -> Registry:
    """One registry over one storage and its index."""
    names = Names(storage, index)
    adoption = Adoption(storage, index, names)
    blobs = Blobs(storage, index, names, settings)
    manifests = Manifests(storage, index, names, adoption, settings)
    return Registry(
        uploads=Uploads(storage, index, blobs),
        blobs=blobs,
        manifests=manifests,
        repositories=Repositories(storage, index, names, adoption, manifests, settings),
        trash=Trash(storage, index, blobs, manifests, settings.validation),
        catalogue=Catalogue(storage, index, adoption),
        feed=Feed(index),
        pulls=Pulls(None if settings.readonly else PullCounts(index.pulls), PullEvents(index.outbox, settings.events)),
        settings=settings,
    )
