# SPDX-License-Identifier: Apache-2.0
"""Clients that push, mount, push again what was just deleted, and delete, while a collector without grace runs; each
remembers what it was told of the tags that are its own.
"""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from support import images, transfer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.images import Manifest

SHARED = ("race/shared", "race/shared/nested", "race/other")
"""Repositories in which all clients work, each with tags of its own."""

TAGS = 4
"""Of one client in one repository."""

PATIENCE = 60.0
"""Seconds for a server that was killed to come back, and for a push to get through."""


@dataclass(slots=True)
class Told:
    """What one client knows: per repository and tag what it may point to; one value where that is certain."""

    tags: dict[tuple[str, str], set[Manifest | None]] = field(default_factory=dict)
    operations: int = 0
    again: int = 0


def make_pool() -> list[Manifest]:
    """Images and indexes that share layers and children; small, since what matters is how often they come and go."""
    single = [images.image(layers=2, size=700) for _ in range(4)]
    indexes = [images.index(single[:2]), images.index([single[2], images.image(layers=1, size=500)])]
    return [*single, *indexes, images.artifact(size=300)]


class Racer(threading.Thread):
    """One client, until :attr:`enough` is set; ``fault`` holds what went wrong beyond a server that was killed."""

    def __init__(self, url: str, number: int, pool: Sequence[Manifest], enough: threading.Event) -> None:
        super().__init__(name=f"racer-{number}")
        self.told = Told()
        self.fault: BaseException | None = None
        self._url = url
        self._number = number
        self._pool = pool
        self._enough = enough
        self._random = random.Random(number)
        self._own = [images.image(size=600), images.index([images.image(size=400)])]
        """Pushed by nobody else, to one repository: their bytes come and go."""

    def run(self) -> None:
        try:
            with httpx.Client(base_url=self._url, timeout=PATIENCE, trust_env=False) as client:
                while not self._enough.is_set():
                    self._step(client)
        except BaseException as error:  # noqa: BLE001 - told to the test, in whose thread it is raised again
            self.fault = error
            self._enough.set()

    def _step(self, client: httpx.Client) -> None:
        own = f"race/own{self._number}"
        repository = self._random.choice([*SHARED, own])
        tag = f"r{self._number}-{self._random.randrange(TAGS)}"
        match self._random.randrange(10):
            case 0 | 1 | 2:
                self._untag(client, repository, tag)
            case 3:
                self._remove(client, own, tag)
            case _:
                pool = self._own if repository == own else self._pool
                self._push(client, repository, tag, self._random.choice(pool))

    def _push(self, client: httpx.Client, repository: str, tag: str, made: Manifest) -> None:
        """Until it is acknowledged: without grace a blob may be collected before its manifest comes."""
        states = self.told.tags.setdefault((repository, tag), {None})
        states.add(made)
        deadline = time.monotonic() + PATIENCE
        while not self._pushed(client, repository, tag, made):
            self.told.again += 1
            assert time.monotonic() < deadline, f"{repository}:{tag} could not be pushed"
        self.told.tags[repository, tag] = {made}

    def _pushed(self, client: httpx.Client, repository: str, tag: str, made: Manifest) -> bool:
        try:
            for each in made.walk():
                for blob in each.blobs:
                    self._bring(client, repository, blob.digest, blob.data)
                reference = tag if each is made else each.digest
                answer = client.put(
                    f"/v2/{repository}/manifests/{reference}",
                    content=each.data,
                    headers={"Content-Type": each.media_type},
                )
                self.told.operations += 1
                if answer.status_code != 201:
                    assert answer.status_code in {400, 404, 503}, answer.text
                    return False
        except httpx.TransportError:
            time.sleep(0.2)
            return False
        return True

    def _bring(self, client: httpx.Client, repository: str, digest: str, data: bytes) -> None:
        """Look, mount, or upload, as clients do."""
        self.told.operations += 1
        if client.head(f"/v2/{repository}/blobs/{digest}").status_code == 200:
            return
        answer = client.post(f"/v2/{repository}/blobs/uploads/", params={"mount": digest})
        if answer.status_code == 202:
            self.told.operations += 1
            answer = transfer.finish_upload(client, transfer.location(answer), digest, data)
        assert answer.status_code in {201, 404, 503}, answer.text

    def _untag(self, client: httpx.Client, repository: str, tag: str) -> None:
        self._drop(client, f"/v2/{repository}/manifests/{tag}", [(repository, tag)])

    def _remove(self, client: httpx.Client, repository: str, tag: str) -> None:
        """By digest, with every tag on it: in the repository that nobody else uses."""
        states = self.told.tags.get((repository, tag), {None})
        made = next(iter(states))
        if len(states) > 1 or made is None:
            return
        concerned = [key for key, value in self.told.tags.items() if key[0] == repository and made in value]
        self._drop(client, f"/v2/{repository}/manifests/{made.digest}", concerned)

    def _drop(self, client: httpx.Client, target: str, concerned: Sequence[tuple[str, str]]) -> None:
        for key in concerned:
            self.told.tags.setdefault(key, {None}).add(None)
        try:
            answer = client.delete(target)
        except httpx.TransportError:
            time.sleep(0.2)
            return
        self.told.operations += 1
        assert answer.status_code in {202, 404, 503}, answer.text
        if answer.status_code != 503:
            for key in concerned:
                self.told.tags[key] = {None}


def verify(client: httpx.Client, told: Told) -> None:
    """Each tag is what its client was told, or one of what it may be, and pulls intact with all below it."""
    for (repository, tag), states in told.tags.items():
        answer = client.get(f"/v2/{repository}/manifests/{tag}", headers={"Accept": transfer.ACCEPT})
        if answer.status_code == 404:
            assert None in states, f"{repository}:{tag} was acknowledged and is gone"
            continue
        assert answer.status_code == 200, answer.text
        found = [made for made in states if made is not None and made.data == answer.content]
        assert found, f"{repository}:{tag} is another image than its client was told"
        transfer.assert_serves(client, repository, found[0], [tag])
