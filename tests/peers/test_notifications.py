# SPDX-License-Identifier: Apache-2.0
"""The same requests to entrepot and to docker-registry 2.8.2 make the same events, field by field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from support import images, transfer
from support.receivers import Delivery, Receiver, endpoint, notifying
from support.waiting import until

if TYPE_CHECKING:
    import httpx

    from conftest import StartPeer, StartServer
    from support.images import Manifest

REPOSITORY = "team/app"
EVENTS = 17
"""Of :func:`requests`."""

FORMS = {
    "id": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z",
    "request.id": r"\S+",
    "request.addr": r"127\.0\.0\.1:\d+",
    "source.addr": r"[^:]+:\d+",
    "source.instanceID": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
}
"""Fields whose values differ between any two events, and what they look like."""


def requests(client: httpx.Client, made: Manifest, other: Manifest) -> None:
    """Push, mount, pull, delete."""
    transfer.push(client, REPOSITORY, made, "1.0")
    transfer.push_manifest(client, REPOSITORY, made)
    mount = {"mount": made.blobs[0].digest, "from": REPOSITORY}
    assert client.post("/v2/team/other/blobs/uploads/", params=mount).status_code == 201
    transfer.push(client, REPOSITORY, other, "2.0")
    transfer.pull_manifest(client, REPOSITORY, "1.0")
    transfer.pull_manifest(client, REPOSITORY, made.digest)
    transfer.pull_blob(client, REPOSITORY, made.blobs[0].digest)
    assert client.head(f"/v2/{REPOSITORY}/blobs/{made.blobs[0].digest}").status_code == 200
    accept = {"Accept": transfer.ACCEPT}
    assert client.head(f"/v2/{REPOSITORY}/manifests/{made.digest}", headers=accept).status_code == 200
    assert client.delete(f"/v2/{REPOSITORY}/manifests/{made.digest}").status_code == 202
    assert client.delete(f"/v2/{REPOSITORY}/blobs/{made.blobs[0].digest}").status_code == 202


def flat(document: Any, path: str = "") -> dict[str, object]:
    """Each value by the path of its field."""
    if not isinstance(document, dict | list):
        return {path: document}
    entries = document.items() if isinstance(document, dict) else enumerate(document)
    found: dict[str, object] = {} if document else {path: document}
    for key, value in entries:
        found |= flat(value, f"{path}.{key}".lstrip("."))
    return found


def neutral(delivery: Delivery, host: str) -> dict[str, object]:
    """An event without what must differ; that has its form."""
    fields = flat(delivery.event)
    for name, form in FORMS.items():
        assert re.fullmatch(form, str(fields[name])), (name, fields[name])
        fields[name] = form
    return {name: str(value).replace(host, "HOST") for name, value in fields.items()}


def keyed(fields: dict[str, object]) -> tuple[str, ...]:
    """What an event is about, to sort by: pulls are told a moment later than pushes."""
    names = ("action", "target.repository", "target.digest", "target.tag", "request.method")
    return tuple(str(fields.get(name)) for name in names)


@pytest.mark.peers
@pytest.mark.parametrize("style", ["oci", "docker"])
def test_the_same_events(start_server: StartServer, start_peer: StartPeer, style: images.Style) -> None:
    """Same number, actions, fields and values; what must differ (ids, times, ports) has the same form. So have bodies
    and headers of the requests.
    """
    made, other = images.image(layers=2, style=style), images.image(layers=1, style=style)
    told: list[list[dict[str, object]]] = []
    forms: list[tuple[str, list[str]]] = []
    for start in (start_server, start_peer):
        with Receiver() as receiver:
            registry = start(notifying(endpoint(receiver, ignore={}), includereferences=True))
            requests(registry.client(), made, other)
            until(lambda taken=receiver.taken: len(taken()) >= EVENTS, what="all events were told")  # type: ignore[misc]
            told.append(sorted((neutral(one, registry.host) for one in receiver.deliveries), key=keyed))
            first = receiver.deliveries[0]
            forms.append(
                (
                    first.headers["content-type"],
                    re.findall(r'^ *(?:"\w+":|[\[\]{}])', first.body.decode(), re.MULTILINE),
                )
            )
    ours, theirs = told
    assert [keyed(event) for event in ours] == [keyed(event) for event in theirs]
    assert ours == theirs
    assert forms[0] == forms[1]


@pytest.mark.peers
def test_the_order_of_a_deletion(start_server: StartServer, start_peer: StartPeer) -> None:
    """The manifest first, then each of its tags."""
    made = images.image(layers=1)
    orders = []
    for start in (start_server, start_peer):
        with Receiver() as receiver:
            registry = start(notifying(endpoint(receiver, ignore={"actions": ["pull", "push"], "mediatypes": ["x"]})))
            client = registry.client()
            for tag in ("a", "b"):
                transfer.push(client, REPOSITORY, made, tag)
            assert client.delete(f"/v2/{REPOSITORY}/manifests/{made.digest}").status_code == 202
            until(lambda taken=receiver.taken: len(taken()) >= 3, what="all events were told")  # type: ignore[misc]
            targets = [event["target"] for event in receiver.taken() if event["action"] == "delete"]
            orders.append([(target.get("digest"), target.get("tag")) for target in targets])
    assert orders[0] == [(made.digest, None), (None, "a"), (None, "b")]
    assert orders[1][0] == orders[0][0]
    assert sorted(orders[1][1:], key=str) == orders[0][1:]
