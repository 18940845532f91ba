# SPDX-License-Identifier: Apache-2.0
"""Moves what only the index knows to another database, while no server runs."""

from dataclasses import dataclass
from pathlib import Path

from entrepot.app.opening import find_index
from entrepot.config.settings import Settings
from entrepot.index.moving import move_kept
from entrepot.index.places import IndexPlace, holders_of, parse_url
from entrepot.oci.errors import Unavailable
from entrepot.storage.claim import claim_directory
from entrepot.storage.settings import FilesystemSettings


@dataclass(frozen=True, slots=True)
class Moved:
    """What was taken from where to where: rows by table."""

    source: IndexPlace
    target: IndexPlace
    rows: dict[str, int]


def move_index(settings: Settings, url: str) -> Moved:
    """Take the kept tables of the index of ``settings`` to the one at ``url``; the old one stays as it is.

    Raises ``Unavailable`` while a server has the data directory, and where nothing can be moved.
    """
    source = find_index(settings)
    target = parse_url(url, holders_of(source))
    driver = settings.storage.driver
    if isinstance(source, Path) and not source.exists():
        raise Unavailable(f"there is no index at {source}, so nothing has to be moved; set index.url and start")
    if _same(source, target):
        raise Unavailable(f"the index lies at {target} already")
    assert isinstance(driver, FilesystemSettings)  # noqa: S101 - find_index saw to that
    with claim_directory(driver.rootdirectory):
        if isinstance(target, Path):
            target.parent.mkdir(parents=True, exist_ok=True)
        return Moved(source, target, move_kept(source, target))


def _same(source: IndexPlace, target: IndexPlace) -> bool:
    if isinstance(source, Path) and isinstance(target, Path):
        return source.resolve() == target.resolve()
    return str(source) == str(target)
