# SPDX-License-Identifier: Apache-2.0
"""Opens storage and index as the settings say, for a server's processes and for commands."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from uuid import uuid4

from entrepot.config.settings import Settings
from entrepot.index.deeds import Witness
from entrepot.index.index import Index, open_index
from entrepot.index.outbox import OutboxWriter
from entrepot.index.places import IndexPlace, parse_url
from entrepot.oci.errors import Unavailable
from entrepot.registry.events import EventWriter
from entrepot.storage.claim import NETWORK_KINDS, Identity, filesystem_kind, look_at
from entrepot.storage.filesystem import open_filesystem
from entrepot.storage.layout import MARK, OWN
from entrepot.storage.mark import mark_directory
from entrepot.storage.memory import open_memory
from entrepot.storage.ports import Storage
from entrepot.storage.reserve import give_up_reserve
from entrepot.storage.settings import FilesystemSettings
from entrepot.telemetry.logs import Logger
from entrepot.web.settings import TcpAddress

DIRECTORY = "data directory"
"""The key of ``kept`` under which stands the mark of the directory that an index is about."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where storage and index of one registry are; known before the first fork and the same for all processes."""

    settings: Settings
    index: IndexPlace
    identity: Identity | None
    """Of the data directory; None where storage lives in the process."""


@contextlib.contextmanager
def open_place(
    place: Place, log: Logger, *witnesses: Callable[[OutboxWriter], Witness]
) -> Iterator[tuple[Storage, Index]]:
    """Storage and index for one process of a server; ``witnesses``: of deeds, beside who writes events.

    Raises ``Unavailable`` with what to do.
    """
    with (
        _open_storage(place) as storage,
        open_index(place.index, partial(_make_room, place, log), (*_witnesses(place.settings), *witnesses)) as index,
    ):
        yield storage, index


@contextlib.contextmanager
def open_parts(settings: Settings) -> Iterator[tuple[Storage, Index]]:
    """Storage and index for a command that works beside a server, or without one. Raises ``Unavailable``."""
    found = find_index(settings)
    driver = settings.storage.driver
    identity = look_at(driver.rootdirectory) if isinstance(driver, FilesystemSettings) else None
    with (
        _open_storage(Place(settings, found, identity)) as storage,
        open_index(found, witnesses=_witnesses(name_source(settings))) as index,
    ):
        require_own(settings, index)
        yield storage, index


def require_own(settings: Settings, index: Index) -> None:
    """Raises ``Unavailable`` where the index, which lies elsewhere, is that of another data directory: each would take
    the other's content for its own, and the collector remove it.
    """
    driver = settings.storage.driver
    if settings.index.url is None or not isinstance(driver, FilesystemSettings) or settings.registry.readonly:
        return
    mark = mark_directory(driver.rootdirectory)
    known = index.kept.get_blocking(DIRECTORY)
    if known is None:
        index.kept.set(DIRECTORY, mark)
    elif known != mark:
        raise Unavailable(
            f"the index at index.url is that of another data directory, not of {driver.rootdirectory}; give each "
            "directory an index of its own. If this is the same directory, restored without its file "
            f"{MARK}, write {known} into that file"
        )


def find_index(settings: Settings) -> IndexPlace:
    """Where a server on these settings has its index, if it may write its directory. Raises ``Unavailable``."""
    if not is_filesystem(settings):
        raise Unavailable("storage: inmemory lives in the server's process, and so does its index")
    return place_index(settings, Path(), beside_data=True)


def place_index(settings: Settings, run_directory: Path, *, beside_data: bool) -> IndexPlace:
    """Where the index lies. Raises ``Unavailable`` where it would lie on a network filesystem."""
    driver = settings.storage.driver
    own = driver.rootdirectory / OWN if isinstance(driver, FilesystemSettings) and beside_data else run_directory
    if settings.index.url is not None:
        return parse_url(settings.index.url, own / "holders")
    if not isinstance(driver, FilesystemSettings) or not beside_data:
        return run_directory / "index.sqlite3"
    kind = filesystem_kind(driver.rootdirectory)
    if kind in NETWORK_KINDS:
        raise Unavailable(
            f"the data directory {driver.rootdirectory} lies on a network filesystem ({kind}), where an SQLite index "
            "is not safe; add to the configuration a place on a local disk for it:\n"
            "index:\n  url: sqlite:////var/lib/entrepot/index.sqlite3"
        )
    return own / "index.sqlite3"


def is_filesystem(settings: Settings) -> bool:
    """Whether several processes can have this storage open."""
    return isinstance(settings.storage.driver, FilesystemSettings)


def name_source(settings: Settings) -> Settings:
    """With which server events come from, in distribution's form: HOST:PORT, and an id of this start."""
    address = settings.http.address
    port = f":{address.port}" if isinstance(address, TcpAddress) else ""
    events = replace(settings.registry.events, source=f"{socket.gethostname()}{port}", instance=str(uuid4()))
    return replace(settings, registry=replace(settings.registry, events=events))


def _witnesses(settings: Settings) -> tuple[Callable[[OutboxWriter], Witness], ...]:
    """Who writes something about each deed."""
    return (partial(EventWriter, settings.registry.events),)


@contextlib.contextmanager
def _open_storage(place: Place) -> Iterator[Storage]:
    driver = place.settings.storage.driver
    if isinstance(driver, FilesystemSettings) and place.identity is not None:
        with open_filesystem(driver, place.settings.storage.disk, place.identity) as storage:
            yield storage
    else:
        yield open_memory()


def _make_room(place: Place, log: Logger) -> bool:
    """What the index does when the disk is full: others filled it, since uploads stop before that."""
    driver = place.settings.storage.driver
    if not isinstance(driver, FilesystemSettings) or not give_up_reserve(driver.rootdirectory):
        return False
    log.error("the disk is full; gave up the reserve file so that deletes still work. Free space there")
    return True
