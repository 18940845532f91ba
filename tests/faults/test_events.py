# SPDX-License-Identifier: Apache-2.0
"""Events while the receiver fails at random and the server is killed: none is lost, and the order is kept."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from support import images, transfer
from support.feeds import walk
from support.receivers import Receiver, Verdict, endpoint, notifying
from support.waiting import until

if TYPE_CHECKING:
    from conftest import StartServer
    from support.server import Server

REPOSITORY = "events/app"


def fickle(chance: random.Random) -> Verdict:
    """A receiver that fails three times in ten: says so, vanishes, takes the event and vanishes, or hangs."""
    verdicts: list[Verdict] = [200, 500, 404, "close", "forget", "hang"]
    return chance.choices(verdicts, [70, 12, 3, 7, 7, 1])[0]


def push_once(server: Server, tag: str) -> str | None:
    """Push an image of one blob under a tag; its digest where that was acknowledged, None where the server was gone."""
    made = images.image(layers=1, size=512)
    try:
        with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
            for blob in made.blobs:
                transfer.push_blob(client, REPOSITORY, blob)
            transfer.push_manifest(client, REPOSITORY, made, tag)
    except httpx.TransportError:
        return None
    return made.digest


def push_and_kill(server: Server, tag: str, chance: random.Random) -> str | None:
    """The same, with all processes of the server killed at some moment meanwhile, and started again."""
    killer = threading.Timer(chance.random() * 0.06, server.daemon.kill)
    killer.start()
    digest = push_once(server, tag)
    killer.join()
    server.start()
    return digest


def first_seen(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without those that came before, by their id."""
    return list({event["id"]: event for event in reversed(list(reversed(events)))}.values())


def lose_none(start_server: StartServer, pushes: int, kills: set[int]) -> None:
    """Push, killing the whole server in the middle of the pushes numbered in ``kills``."""
    chance = random.Random(20)
    acknowledged: list[tuple[str, str]] = []
    with Receiver(lambda _: fickle(chance)) as receiver:
        server = start_server(notifying(endpoint(receiver)))
        for number in range(pushes):
            digest = push_and_kill(server, f"t{number}", chance) if number in kills else push_once(server, f"t{number}")
            assert digest is not None or number in kills
            if digest is not None:
                acknowledged.append((f"t{number}", digest))
        client = server.client()
        until(
            lambda: {event["target"].get("tag") for event in receiver.taken()} >= {tag for tag, _ in acknowledged},
            what="every push was told",
            seconds=120,
        )
        feed, _ = walk(client, size=100)
        told = first_seen(receiver.taken())
    tagged = [(event["target"]["tag"], event["target"]["digest"]) for event in told if "tag" in event["target"]]
    assert [one for one in tagged if one in acknowledged] == acknowledged
    assert len(tagged) - len(acknowledged) <= len(kills)
    assert [event["id"] for event in told] == [event["id"] for event in feed]
    assert len({event["id"] for event in feed}) == len(feed)
    assert told == feed


def test_none_is_lost_over_two_kills(start_server: StartServer) -> None:
    """100 pushes, the whole server killed twice (kill -9) in the middle of one, its receiver failing three times in
    ten: every acknowledged push is told, in the order of the feed, and the feed has each event once.
    """
    lose_none(start_server, 100, {30, 70})


@pytest.mark.soak
def test_none_is_lost_over_a_thousand_pushes(start_server: StartServer) -> None:
    """The same over 1,000 pushes."""
    lose_none(start_server, 1000, {311, 702})
