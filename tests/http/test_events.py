# SPDX-License-Identifier: Apache-2.0
"""Events of a real server: what each request makes, in the feed and at a receiver."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from support import images, transfer
from support.feeds import walk
from support.receivers import Receiver, endpoint, notifying
from support.waiting import until

if TYPE_CHECKING:
    import httpx

    from conftest import StartServer
    from support.server import Server

REPOSITORY = "team/app"


def told(receiver: Receiver, count: int) -> list[dict[str, Any]]:
    """So many events, and no more."""
    until(lambda: len(receiver.taken()) >= count, what=f"{count} events were told")
    events = receiver.taken()
    assert len(events) == count, [(event["action"], event["target"]) for event in events]
    return events


def feed(client: httpx.Client, count: int) -> list[dict[str, Any]]:
    """The whole feed, once it has so many events."""
    until(lambda: len(walk(client)[0]) >= count, what=f"{count} events are in the feed")
    events, _ = walk(client)
    assert len(events) == count, [(event["action"], event["target"]) for event in events]
    return events


def test_pushes(start_server: StartServer) -> None:
    """A blob, and a manifest under two tags: an event for the blob, and one for each tag, with all fields."""
    with Receiver() as receiver:
        proxied = {"http": {"trustedproxies": ["127.0.0.1/32", "10.0.0.0/8"]}}
        server = start_server({**notifying(endpoint(receiver), includereferences=True), **proxied})
        client = server.client()
        made = images.image(layers=1)
        for blob in made.blobs:
            transfer.push_blob(client, REPOSITORY, blob)
        headers = {"Content-Type": made.media_type, "User-Agent": "tester/1", "X-Forwarded-Proto": "https"}
        headers |= {"X-Forwarded-Host": "registry.example.com, inner", "X-Forwarded-For": "192.0.2.7, 10.0.0.1"}
        url = f"/v2/{REPOSITORY}/manifests/1.0?tag=1"
        assert client.put(url, content=made.data, headers=headers).status_code == 201
        *blobs, second, first = told(receiver, len(made.blobs) + 2)
        assert walk(client)[0] == [*blobs, second, first]
    assert {blob["target"]["digest"] for blob in blobs} == {blob.digest for blob in made.blobs}
    assert blobs[0]["target"]["url"] == f"{server.url}/v2/{REPOSITORY}/blobs/{blobs[0]['target']['digest']}"
    assert re.fullmatch(r"127\.0\.0\.1:\d+", blobs[0]["request"]["addr"])
    assert (first["target"]["tag"], second["target"]["tag"]) == ("1.0", "1")
    assert first["target"]["url"] == f"https://registry.example.com/v2/{REPOSITORY}/manifests/{made.digest}"
    assert [one["digest"] for one in first["target"]["references"]] == [blob.digest for blob in made.blobs]
    assert {key: first["request"][key] for key in ("addr", "host", "method", "useragent")} == {
        "addr": "192.0.2.7",
        "host": server.host,
        "method": "PUT",
        "useragent": "tester/1",
    }
    assert first["actor"] == {}
    assert first["source"] == blobs[0]["source"]


def test_mounts_and_deletions(server: Server) -> None:
    """A mount tells where from; a manifest goes before its tags; a tag and a blob go alone. What failed, and what was
    said twice of what is gone, tells nothing.
    """
    client = server.client()
    made = transfer.push(client, REPOSITORY, images.image(layers=1), "1.0")
    layer = made.blobs[-1]
    pushed = len(made.blobs) + 1
    mount = client.post("/v2/other/app/blobs/uploads/", params={"mount": layer.digest, "from": REPOSITORY})
    assert mount.status_code == 201
    transfer.push_manifest(client, REPOSITORY, made, "2.0")
    assert client.delete(f"/v2/{REPOSITORY}/manifests/2.0").status_code == 202
    assert client.delete(f"/v2/{REPOSITORY}/manifests/2.0").status_code == 404
    assert client.delete(f"/v2/{REPOSITORY}/manifests/{made.digest}").status_code == 202
    assert client.delete(f"/v2/{REPOSITORY}/blobs/{layer.digest}").status_code == 202
    assert client.put(f"/v2/{REPOSITORY}/manifests/bad", content=b"{").status_code == 400
    mounted, again, *gone = feed(client, pushed + 6)[pushed:]
    assert (mounted["action"], mounted["target"]["fromRepository"]) == ("mount", REPOSITORY)
    assert (mounted["target"]["repository"], mounted["target"]["digest"]) == ("other/app", layer.digest)
    assert (again["action"], again["target"]["tag"]) == ("push", "2.0")
    assert [event["action"] for event in gone] == ["delete"] * 4
    assert [event["target"] for event in gone] == [
        {"repository": REPOSITORY, "tag": "2.0"},
        {"digest": made.digest, "repository": REPOSITORY},
        {"repository": REPOSITORY, "tag": "1.0"},
        {"digest": layer.digest, "repository": REPOSITORY},
    ]


def test_pulls(start_server: StartServer) -> None:
    """GET and HEAD of manifests, by the short way and the long one, and of blobs, whole or in part; not what was not
    found or not modified.
    """
    with Receiver() as receiver:
        wanted = endpoint(receiver, ignore={"actions": ["push"]})
        client = start_server(notifying(wanted)).client()
        made = transfer.push(client, REPOSITORY, images.image(layers=1), "1.0")
        blob = made.blobs[0].digest
        manifest = f"/v2/{REPOSITORY}/manifests/"
        assert client.get(manifest + "1.0").status_code == 200
        assert client.head(manifest + made.digest).status_code == 200
        assert client.get(manifest + "1.0", headers={"If-None-Match": '"other"'}).status_code == 200
        assert client.get(manifest + "1.0", headers={"If-None-Match": f'"{made.digest}"'}).status_code == 304
        assert client.get(manifest + "none").status_code == 404
        assert client.get(f"/v2/{REPOSITORY}/blobs/{blob}").status_code == 200
        assert client.get(f"/v2/{REPOSITORY}/blobs/{blob}", headers={"Range": "bytes=0-1"}).status_code == 206
        events = told(receiver, 5)
    assert {event["action"] for event in events} == {"pull"}
    found = [(e["request"]["method"], e["target"]["digest"], e["target"].get("tag")) for e in events]
    expected = [
        ("GET", made.digest, "1.0"),
        ("HEAD", made.digest, None),
        ("GET", made.digest, "1.0"),
        ("GET", blob, None),
        ("GET", blob, None),
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_pulls_that_nobody_wants(start_server: StartServer) -> None:
    """Without an endpoint there are none in the feed, unless a setting asks for them."""
    for config, actions in (({}, {"push"}), ({"events": {"pulls": True}}, {"push", "pull"})):
        client = start_server(config).client()
        made = transfer.push(client, REPOSITORY, images.image(layers=1), "1.0")
        transfer.pull_manifest(client, REPOSITORY, "1.0")
        transfer.push(client, REPOSITORY, images.image(layers=1), "2.0")
        events = feed(client, 2 * (len(made.blobs) + 1) + ("pull" in actions))
        assert {event["action"] for event in events} == actions


def test_a_restart_of_the_server(start_server: StartServer) -> None:
    """What nobody could be told before the end is told after the next start, and the feed goes on."""
    receiver = Receiver()
    server = start_server(notifying(endpoint(receiver)))
    made = transfer.push(server.client(), REPOSITORY, images.image(layers=1), "1.0")
    count = len(made.blobs) + 1
    before = feed(server.client(), count)
    server.restart()
    transfer.push_manifest(server.client(), REPOSITORY, made, "2.0")
    with receiver:
        assert told(receiver, count + 1)[:-1] == before
        events, _ = walk(server.client())
        assert events == receiver.taken()


def test_a_walk_while_others_push(server: Server) -> None:
    """Whoever passes on the cursor sees each event once, in one order, whatever the size of pages and however many
    events come meanwhile.
    """
    client = server.client()
    after, seen = "", []
    for size in (1, 2, 3, 50):
        transfer.push(client, REPOSITORY, images.image(layers=2), f"t{size}")
        events, after = walk(client, after=after, size=size)
        seen += events
    total = 4 * (len(images.image(layers=2).blobs) + 1)

    def all_seen() -> bool:
        nonlocal after
        events, after = walk(client, after=after)
        seen.extend(events)
        return len(seen) >= total

    until(all_seen, what="the walk reached the end")
    assert seen == walk(client, size=1000)[0]
    assert len({event["id"] for event in seen}) == total


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("after=x", "UNSUPPORTED"),
        ("after=-1", "UNSUPPORTED"),
        ("after=1234567890123456789", "UNSUPPORTED"),
        ("after=999999999999999999", "UNSUPPORTED"),
        ("n=0", "PAGINATION_NUMBER_INVALID"),
        ("n=1001", "PAGINATION_NUMBER_INVALID"),
        ("n=-1", "PAGINATION_NUMBER_INVALID"),
        ("n=%C2%B2", "PAGINATION_NUMBER_INVALID"),
    ],
)
def test_bad_parameters(client: httpx.Client, query: str, code: str) -> None:
    """400 in the form of the distribution API's errors."""
    answer = client.get(f"/api/v1/events?{query}")
    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == [code]


def test_an_empty_feed_and_other_paths(client: httpx.Client) -> None:
    """An empty feed is a page; unknown paths and methods are refused as elsewhere."""
    answer = client.get("/api/v1/events")
    assert answer.json() == {"events": [], "next": "0"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.head("/api/v1/events").status_code == 200
    assert client.get("/api/v1/nothing").json()["errors"][0]["code"] == "NOT_FOUND"
    assert client.get("/api/events").status_code == 404
    posted = client.post("/api/v1/events")
    assert (posted.status_code, posted.headers["Allow"]) == (405, "GET, HEAD")
    assert client.options("/api/v1/events").headers["Allow"] == "GET, HEAD, OPTIONS"
