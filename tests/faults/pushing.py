# SPDX-License-Identifier: Apache-2.0
"""Clients that push small images at once until the server is no more, and remember what they were told."""

from __future__ import annotations

import itertools
import threading
import time
from typing import TYPE_CHECKING

import httpx

from faults.ledger import Interrupted, Ledger
from support import images, transfer

if TYPE_CHECKING:
    from support.images import Content, Manifest

CLIENTS = 4
TAGS = 3
"""Tags of one client in one repository; they are moved and deleted over and over."""


class Pusher(threading.Thread):
    """One client: pushes, moves tags, deletes tags. Ends when the server does; ``fault`` holds what went wrong else."""

    def __init__(self, url: str, number: int, ledger: Ledger, common: Content, seconds: float) -> None:
        super().__init__(name=f"pusher-{number}")
        self.ledger = ledger
        self.fault: BaseException | None = None
        self._url = url
        self._number = number
        self._common = common
        self._deadline = time.monotonic() + seconds

    def run(self) -> None:
        try:
            self._push_until_it_ends()
        except httpx.TransportError:
            pass
        except BaseException as error:  # noqa: BLE001 - told to the test, in whose thread it is raised again
            self.fault = error

    def _push_until_it_ends(self) -> None:
        """With a connection for each request, so that both workers get requests of every push."""
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=self._url, timeout=20, trust_env=False, limits=limits) as client:
            for turn in itertools.count():
                if time.monotonic() > self._deadline:
                    return
                repository = "crash/shared" if turn % 2 else f"crash/of/client{self._number}"
                self._push_image(client, repository, f"c{self._number}-{turn % TAGS}")
                if turn % 2:
                    self._untag(client)

    def _push_image(self, client: httpx.Client, repository: str, tag: str) -> None:
        made = images.image(layers=1, size=2048)
        for content in (self._common, *made.blobs):
            self._push_blob(client, repository, content)
        self._push_manifest(client, repository, tag, made)

    def _push_blob(self, client: httpx.Client, repository: str, content: Content) -> None:
        ledger = self.ledger
        upload = Interrupted(repository, transfer.begin_upload(client, repository), content)
        ledger.upload = upload
        half = content.size // 2
        for start, end in ((0, half), (half, content.size)):
            upload.place = transfer.append(client, upload.place, content.data[start:end], start=start)
            upload.acknowledged = end
        key = (repository, content.digest)
        ledger.tried_blobs[key] = content
        upload.closing = True
        answer = transfer.finish_upload(client, upload.place, content.digest)
        assert answer.status_code == 201, answer.text
        ledger.blobs[key] = ledger.tried_blobs.pop(key)
        ledger.upload = None

    def _push_manifest(self, client: httpx.Client, repository: str, tag: str, made: Manifest) -> None:
        ledger = self.ledger
        key = (repository, made.digest)
        ledger.tried_manifests[key] = made
        ledger.tags.setdefault((repository, tag), {None}).add(made.digest)
        transfer.push_manifest(client, repository, made, tag)
        ledger.manifests[key] = ledger.tried_manifests.pop(key)
        ledger.tags[repository, tag] = {made.digest}

    def _untag(self, client: httpx.Client) -> None:
        repository, tag = self.ledger.tagged()[0]
        self.ledger.tags[repository, tag].add(None)
        answer = client.delete(f"/v2/{repository}/manifests/{tag}")
        assert answer.status_code == 202, answer.text
        del self.ledger.tags[repository, tag]
        self.ledger.tags[repository, tag] = {None}


def push_until_it_ends(url: str, ledgers: list[Ledger], seconds: float) -> None:
    """Run one client for each ledger until the server dies; raises what any of them met besides that."""
    common = images.blob(1024)
    pushers = [Pusher(url, number, ledger, common, seconds) for number, ledger in enumerate(ledgers)]
    for pusher in pushers:
        pusher.start()
    for pusher in pushers:
        pusher.join(seconds + 30)
        assert not pusher.is_alive()
    for pusher in pushers:
        if pusher.fault is not None:
            raise pusher.fault
