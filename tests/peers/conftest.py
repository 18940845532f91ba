# SPDX-License-Identifier: Apache-2.0
"""Two registries that take turns on one data directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import StartPeer, StartServer
    from support.peer import Peer
    from support.registries import Registry
    from support.server import Server

COMPARED = "compared the index with storage"
ADOPTED = "adopted what storage holds"


def has_ended(log: str) -> bool:
    """Whether the index was brought to storage: compared, or, where it was new, adopted in one go."""
    return COMPARED in log or ADOPTED in log


class Turns:
    """One data directory, ``data``; entering one registry's turn stops the other. Each keeps its log and address."""

    def __init__(self, data: Path, start_server: StartServer, start_peer: StartPeer) -> None:
        self.data = data
        self._config = {"storage": {"filesystem": {"rootdirectory": str(data)}}}
        self.ours_alone: dict[str, object] = {}
        """What entrepot's configuration holds beside the storage; to be set before its first turn."""
        self._start_server = start_server
        self._start_peer = start_peer
        self._ours: Server | None = None
        self._theirs: Peer | None = None

    def ours(self) -> Server:
        """entrepot's turn, with an index that agrees with storage."""
        said = 0 if self._ours is None or self._ours.daemon.running else len(self._ours.log())
        server = self.start_ours()
        until(lambda: has_ended(server.log()[said:]), what="the index is brought to storage")
        return server

    def start_ours(self) -> Server:
        """entrepot's turn, as soon as it answers."""
        _stop(self._theirs)
        if self._ours is None:
            self._ours = self._start_server({**self._config, **self.ours_alone})
        elif not self._ours.daemon.running:
            self._ours.start()
        return self._ours

    def theirs(self) -> Peer:
        """docker-registry's turn."""
        self.nobody()
        if self._theirs is None:
            self._theirs = self._start_peer(self._config)
        elif not self._theirs.daemon.running:
            self._theirs.start()
        return self._theirs

    def nobody(self) -> None:
        """Both are stopped."""
        _stop(self._ours)
        _stop(self._theirs)


def _stop(registry: Registry | None) -> None:
    if registry is not None and registry.daemon.running:
        registry.stop()


@pytest.fixture
def turns(tmp_path: Path, start_server: StartServer, start_peer: StartPeer) -> Turns:
    """entrepot and docker-registry on one data directory, none of them running yet."""
    data = tmp_path / "shared"
    data.mkdir()
    return Turns(data, start_server, start_peer)
