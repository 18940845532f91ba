# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document and what is dispatched are the same."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from entrepot.auth.administration import join_administration
from entrepot.auth.gate import OpenGate
from entrepot.auth.settings import AccountsSettings
from entrepot.oci.errors import RegistryError, RouteUnknown
from entrepot.storage.memory import open_memory
from entrepot.web.api.joining import join_api
from entrepot.web.api.openapi import REFUSALS
from entrepot.web.api.operations import Place, find_place
from entrepot.web.api.router import JsonApi
from entrepot.web.doors import Doors
from entrepot.web.exchange import Exchange
from entrepot.web.settings import HttpSettings, TcpAddress
from support.approaches import NoAudit
from support.houses import open_house
from support.seen import LOCAL

DIGEST = f"sha256:{'0' * 64}"


@pytest.fixture(params=["open", "accounts"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[JsonApi]:
    """The API over an empty registry in memory, under a prefix; without accounts and with them."""
    with open_house(open_memory(), tmp_path / "index" / "index.sqlite3") as house:
        settings = HttpSettings(TcpAddress("", 0), prefix="/cr/")
        administration = None
        if request.param == "accounts":
            administration = join_administration(house.index.directory, AccountsSettings(), NoAudit().changed)
        yield join_api(house.registry, Doors(OpenGate(), settings), settings, administration)


async def ask(api: JsonApi, method: str, path: str) -> tuple[int, dict[str, str], Any]:
    """Status, headers and document."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    await api.handle(Exchange(scope, receive, send, LOCAL), path)
    headers = {name.decode(): text.decode() for name, text in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], headers, json.loads(body or b"null")


def references(part: Any) -> Iterator[str]:
    """Every ``$ref`` below."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


async def test_paths_and_methods(api: JsonApi) -> None:
    """The document has just the paths and methods that are routed; each operation tells its answer and refusals."""
    status, headers, document = await ask(api, "GET", "/api/v1/openapi.json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert (document["openapi"], document["servers"]) == ("3.1.0", [{"url": "/cr/api/v1"}])
    routed = {path: {method.lower() for method in methods} for path, methods in api._paths.items()}
    assert {path: {*entry} - {"parameters"} for path, entry in document["paths"].items()} == routed
    keys = [entry[method]["operationId"] for path, entry in document["paths"].items() for method in routed[path]]
    assert len({*keys}) == len(keys) > 10
    for template, entry in document["paths"].items():
        path = template.replace("{name}", "team/app").replace("{tag}", "1.0").replace("{digest}", DIGEST)
        path = re.sub(r"\{(user|robot|role|rule)\}", "1", path)
        _, headers, _ = await ask(api, "OPTIONS", f"/api/v1{path}")
        assert {*headers["Allow"].lower().split(", ")} - {"head", "options"} == routed[template]
        for method in routed[template]:
            responses = entry[method]["responses"]
            assert {"400", "500", "503"} < responses.keys()
            assert sum(status.startswith("2") for status in responses) == 1


async def test_references(api: JsonApi) -> None:
    """All that is referred to is there, and all that is there is referred to."""
    _, _, document = await ask(api, "GET", "/api/v1/openapi.json")
    there = {f"#/components/{kind}/{name}" for kind, entries in document["components"].items() for name in entries}
    assert set(references(document)) == there
    assert {
        int(status)
        for path in document["paths"].values()
        for one in path.values()
        if isinstance(one, dict)
        for status in one["responses"]
        if status >= "4"
    } == REFUSALS.keys()


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/events", Place("/events")),
        ("/repositories", Place("/repositories")),
        ("/repositories/", Place("/repositories/")),
        ("/repositories/a", Place("/repositories/{name}", "a")),
        ("/repositories/a/b", Place("/repositories/{name}", "a/b")),
        ("/repositories/a/-", Place("/repositories/{name}", "a/-")),
        ("/repositories/a/b/-/tags", Place("/repositories/{name}/-/tags", "a/b")),
        ("/repositories/tags/-/tags/-", Place("/repositories/{name}/-/tags/{tag}", "tags", "-")),
        ("/repositories/a/-/tags/b/history", Place("/repositories/{name}/-/tags/{tag}/history", "a", "b")),
        ("/repositories/a/-/manifests/b", Place("/repositories/{name}/-/manifests/{digest}", "a", "b")),
        ("/users", Place("/users")),
        ("/users/", Place("/users/")),
        ("/users/ann", Place("/users/{user}", "ann")),
        ("/users/-/roles", Place("/users/{user}/roles", "-")),
        ("/users/roles/roles/roles", Place("/users/{user}/roles/{role}", "roles", "roles")),
        ("/users//roles/a", Place("/users//roles/a")),
        ("/robots/ci/renew", Place("/robots/{robot}/renew", "ci")),
        ("/roles/a", Place("/roles/{role}", "a")),
        ("/rules/1", Place("/rules/{rule}", "1")),
        ("/users/a/b/c", Place("/users/a/b/c")),
        ("/repositories/a/-/access", Place("/repositories/{name}/-/access", "a")),
        ("/repositories/a/-/manifests/", Place("/repositories/{name}/-/manifests/{digest}", "a")),
    ],
)
def test_places(path: str, place: Place) -> None:
    """Names hold slashes; ``/-/`` ends them."""
    assert find_place(path) == place


@pytest.mark.parametrize("path", ["/repositories/a/-/tags/b/c", "/repositories/a/-/b/-/tags", "/repositories/a/-/x/y"])
def test_no_places(path: str) -> None:
    """What has no template's form is unknown."""
    with pytest.raises(RouteUnknown):
        find_place(path)


@pytest.mark.parametrize("path", ["/api/", "/api/v1", "/api/v1/", "/api/v2/events", "/api/v1/repositories/{name}/-/x"])
async def test_unknown(api: JsonApi, path: str) -> None:
    """Paths that nobody serves are unknown, whatever they are like."""
    with pytest.raises(RegistryError) as error:
        await ask(api, "GET", path)
    assert error.value.status == 404


async def test_without_accounts(tmp_path: Path) -> None:
    """Where there are no accounts nothing is said of any, neither in the document nor by an answer."""
    with open_house(open_memory(), tmp_path / "index" / "index.sqlite3") as house:
        settings = HttpSettings(TcpAddress("", 0))
        api = join_api(house.registry, Doors(OpenGate(), settings), settings)
        _, _, document = await ask(api, "GET", "/api/v1/openapi.json")
        assert not [path for path in document["paths"] if re.search("user|robot|role|rule|account|access", path)]
        assert "NewUser" not in document["components"]["schemas"]
        for path in ("/users", "/users/ann", "/robots", "/roles", "/rules", "/account"):
            with pytest.raises(RouteUnknown):
                await ask(api, "GET", f"/api/v1{path}")
